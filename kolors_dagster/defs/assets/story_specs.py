"""A story's file as assets: one per panel, one for how all are drawn, one for the words on the page."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from kolors_dagster.defs.checks.results import judge
from kolors_dagster.defs.checks.specs import CAPTIONS_FIT, PROMPTS_LINT
from kolors_dagster.defs.config import (
    PanelOverrides,
    SamplingOverrides,
    StoryTextOverrides,
    apply_overrides,
    list_overrides,
)
from kolors_dagster.defs.failures import failing_clearly
from kolors_dagster.defs.lint import lint_resolved
from kolors_dagster.defs.metadata import Metadata
from kolors_dagster.defs.outputs import output_file
from kolors_dagster.defs.partitions import STORIES
from kolors_dagster.defs.run_tags import tag_run
from kolors_dagster.defs.sources import SOURCE_VERSION, STORY_SOURCES, read_story
from kolors_dagster.errors import UserError
from kolors_dagster.files import write_json
from kolors_dagster.hashing import hash_json
from kolors_dagster.specs import PANELS, StorySpec, resolve_panel
from kolors_dagster.story.page import find_misfits
from kolors_dagster.story.provenance import DRAFT


def _materialize(
    asset: str,
    story: StorySpec,
    output: dict[str, Any],
    overrides: dg.Config,
    checks: Sequence[dg.AssetCheckResult] = (),
    metadata: Metadata | None = None,
) -> dg.MaterializeResult:
    write_json(output_file(asset, story.name), output)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(hash_json(output)),
        metadata={
            SOURCE_VERSION: STORY_SOURCES[asset](story),
            asset: dg.MetadataValue.json(output),
            "changed_in_launchpad": list_overrides(overrides),
            **(metadata or {}),
        },
        check_results=checks,
    )


def _make_prompt(number: int) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"prompt_{number}",
        partitions_def=STORIES,
        group_name="story",
        code_version="1",
        check_specs=[PROMPTS_LINT[f"prompt_{number}"]],
        description=f"What panel {number} shows: its prompt with the characters written out, and its seed.",
    )
    def prompt(
        context: dg.AssetExecutionContext,
        config: PanelOverrides,  # type: ignore[valid-type]
    ) -> dg.MaterializeResult:
        tag_run(context)
        with failing_clearly():
            story = read_story(context.partition_key)
            panel = apply_overrides(story.panels[number - 1], config)
            try:
                resolved = resolve_panel(panel, number, story.characters, story.negative_prompt)
            except ValueError as error:
                raise UserError(f"run config: {error}", "use a character of the story's file") from None
            findings = lint_resolved(panel, story.characters, resolved)
            problems = [f"{finding.problem}: {finding.fix}" for finding in findings]
            check = judge(PROMPTS_LINT[f"prompt_{number}"], problems, {"warnings": len(problems)})
            return _materialize(f"prompt_{number}", story, resolved.model_dump(), config, [check])

    return prompt


PROMPTS = [_make_prompt(number) for number in range(1, PANELS + 1)]


@dg.asset(partitions_def=STORIES, group_name="story", code_version="1")
def sampling_recipe(
    context: dg.AssetExecutionContext,
    config: SamplingOverrides,  # type: ignore[valid-type]
) -> dg.MaterializeResult:
    """How the story's panels are drawn: guidance, LoRA weight, steps and size."""
    tag_run(context)
    with failing_clearly():
        story = read_story(context.partition_key)
        recipe = apply_overrides(story.sampling, config)
        shown = {DRAFT: recipe.draft}
        return _materialize("sampling_recipe", story, recipe.model_dump(), config, metadata=shown)


@dg.asset(partitions_def=STORIES, group_name="story", code_version="1", check_specs=[CAPTIONS_FIT])
def captions(context: dg.AssetExecutionContext, config: StoryTextOverrides) -> dg.MaterializeResult:
    """The words on the page: the title and a caption for each panel; they change no picture."""
    tag_run(context)
    with failing_clearly():
        story = read_story(context.partition_key)
        words = [panel.caption for panel in story.panels] if config.captions is None else config.captions
        if len(words) != PANELS:
            raise UserError(
                f"run config: captions: {len(words)} of them", f"write {PANELS}, one for each panel"
            )
        title = config.title or story.title
        check = judge(CAPTIONS_FIT, find_misfits(title, words), {"longest": max(map(len, words))})
        return _materialize("captions", story, {"title": title, "captions": words}, config, [check])
