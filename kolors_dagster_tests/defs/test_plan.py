"""The plan on a project where nothing is made yet, and where files are broken."""

from pathlib import Path

import dagster as dg

from kolors_dagster.definitions import defs
from kolors_dagster.defs.freshness import AssetState
from kolors_dagster.defs.keys import PICTURE_ASSETS, STYLE_ASSETS
from kolors_dagster.defs.plan import split_wave
from kolors_dagster.defs.targets import Targets
from kolors_dagster.defs.update import Updater
from kolors_dagster_tests.conftest import STORY, STYLE, write_spec


def states(assets: tuple[str, ...], *outdated: str) -> list[AssetState]:
    return [AssetState(key, "x", "stale" if key in outdated else "fresh", ()) for key in assets]


def split(*arguments: object) -> tuple[list[str], list[str]]:
    first, may_follow = split_wave(*arguments[:1], defs.resolve_asset_graph(), *arguments[1:])  # type: ignore[arg-type]
    return [state.key for state in first], [state.key for state in may_follow]


def test_what_is_below_waits_for_what_may_change() -> None:
    assert split(states(PICTURE_ASSETS, "panel_3")) == (["panel_3"], ["story_grid"])
    assert split(states(PICTURE_ASSETS, "panel_3", "story_grid")) == (["panel_3", "story_grid"], [])
    made_later = (
        ["raw_dataset"],
        ["filtered_dataset", "processed_dataset", "training_cache", "lora_checkpoint"],
    )
    assert split(states(STYLE_ASSETS, "raw_dataset")) == made_later
    # The LoRA is outdated, but it may be so again once there is another cache: it is made once, after it.
    assert split(states(STYLE_ASSETS, "raw_dataset", "lora_checkpoint")) == made_later


def test_what_will_be_made_elsewhere_counts() -> None:
    assert split(states(PICTURE_ASSETS), {"prompt_3"}) == ([], ["panel_3", "story_grid"])
    assert split(states(PICTURE_ASSETS, "panel_3"), {"prompt_3"}) == (["panel_3"], ["story_grid"])
    assert split(states(PICTURE_ASSETS), {"raw_dataset"}) == ([], [])


def test_a_plan_says_what_is_broken_and_goes_on(project: Path, instance: dg.DagsterInstance) -> None:
    write_spec(project / "styles" / "ink.yaml", {**STYLE, "name": "ink", "steps": 3})
    write_spec(project / "stories" / "run.yaml", {**STORY, "name": "run", "panels": []})
    pairs = [(style, story) for style in ("ink", "tiny") for story in ("run", "walk")]
    plan = Updater(defs, instance, lambda item, wave: None).plan(Targets([], pairs))
    assert [one.item.name for one in plan.planned] == [
        "base model",
        "style tiny",
        "story walk",
        "story walk in style tiny",
    ]
    assert all(not one.may_follow and one.first for one in plan.planned)
    assert {name: error.problem.split("/")[-1] for name, error in plan.problems.items()} == {
        "style ink": "ink.yaml:22: steps: unknown key",
        "story run": "run.yaml:10: panels: 8 entries are wanted, there are 0",
    }
    assert plan.left_out == {
        "story run in style ink": "style ink",
        "story walk in style ink": "style ink",
        "story run in style tiny": "story run",
    }
    assert not instance.get_runs() and not (project / "assets").exists()
