"""Checks on a real instance: what fails one is not kept, and stops nothing that is healthy."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
import torch
import yaml

from kolors_dagster.dataset.jsonl import read_jsonl, write_jsonl
from kolors_dagster.dataset.raw import build_raw_dataset
from kolors_dagster.definitions import defs
from kolors_dagster.defs.assets.dataset import processed_dataset
from kolors_dagster.defs.checks.conditions import NO_FAILED_CHECK_ABOVE
from kolors_dagster.defs.freshness import Freshness
from kolors_dagster.defs.outputs import output_file, output_folder
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.defs.sources import read_style
from kolors_dagster.defs.update import Updater
from kolors_dagster.errors import UserError
from kolors_dagster.hashing import hash_file
from kolors_dagster.kolors import sampling
from kolors_dagster_tests.conftest import STORY, write_spec
from kolors_dagster_tests.defs.test_update import update

EVALUATED = "ASSET_CHECK_EVALUATION"
BAD_SEED = 5  # panel 5's, which no story of the fixture overrides


def evaluations(instance: dg.DagsterInstance, asset: str, check: str, partition: str) -> list[bool]:
    """Return the outcomes of a check for one partition, newest first."""
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=50)
    events = [record.event.dagster_event for record in records if record.event]
    found = [
        event.asset_check_evaluation_data for event in events if event and event.event_type_value == EVALUATED
    ]
    return [evaluation.passed for evaluation in found if evaluation.partition == partition]


def stories_whose_checks_passed(instance: dg.DagsterInstance) -> set[str]:
    """Return the partitions of the page that automation may make, as far as blocking checks are concerned."""

    def automate(spec: dg.AssetSpec) -> dg.AssetSpec:
        is_page = spec.key == dg.AssetKey("story_grid")
        return spec.replace_attributes(automation_condition=NO_FAILED_CHECK_ABOVE if is_page else None)

    automated = dg.Definitions(
        [asset.map_asset_specs(automate) for asset in defs.assets],  # type: ignore[union-attr]
        resources=defs.resources,
    )
    tick = dg.evaluate_automation_conditions(defs=automated, instance=instance)
    return set(tick.get_requested_partitions(dg.AssetKey("story_grid")))


@pytest.fixture
def broken_noise(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Break the noise of one seed, at the edge of the model."""
    switch = SimpleNamespace(on=True)
    whole = sampling.make_noise

    def make_noise(seeds: list[int], width: int, height: int) -> torch.Tensor:
        noise = whole(seeds, width, height)
        if switch.on and BAD_SEED in seeds:
            noise[list(seeds).index(BAD_SEED)] = float("nan")
        return noise

    monkeypatch.setattr(sampling, "make_noise", make_noise)
    yield switch


def test_a_failed_panel_stops_neither_its_neighbours_nor_another_story(
    project: Path, instance: dg.DagsterInstance, broken_noise: SimpleNamespace
) -> None:
    broken_noise.on = False
    update(instance)
    panels = project / "assets" / "panels" / "tiny" / "walk"
    grid = project / "assets" / "story_grid" / "tiny" / "walk" / "all.png"
    before = {path.name: hash_file(path) for path in panels.iterdir()}
    grid_before = hash_file(grid)
    partition = str(pair_key("tiny", "walk"))
    assert evaluations(instance, "panel_5", "picture", partition) == [True]

    # All eight are to be drawn anew, and the fifth comes out as NaN.
    broken_noise.on = True
    story = yaml.safe_load((project / "stories" / "walk.yaml").read_text(encoding="utf-8"))
    write_spec(project / "stories" / "walk.yaml", {**story, "negative_prompt": "模糊，水印"})
    with pytest.raises(UserError, match=r"panel_5: its latents are not finite.*other 7 .* kept.*\n.*seed"):
        update(instance)
    after = {path.name: hash_file(path) for path in panels.iterdir()}
    assert [name for name in sorted(after) if after[name] == before[name]] == ["5.png"]
    assert hash_file(grid) == grid_before
    assert evaluations(instance, "panel_5", "picture", partition) == [False, True]
    assert evaluations(instance, "panel_4", "picture", partition) == [True, True]

    # Another story in the same style is drawn and put on its page; the bad seed is not in it.
    other = {
        **STORY,
        "name": "other",
        "panels": [{**p, "seed": 100 + n} for n, p in enumerate(STORY["panels"])],
    }  # type: ignore[arg-type]
    write_spec(project / "stories" / "other.yaml", other)
    instance.add_dynamic_partitions("story", ["other"])
    Updater(defs, instance, lambda job, wave: None).update_story("tiny", "other")
    assert (grid.parents[1] / "other" / "all.png").exists()

    # Automation that waits for its parents' checks goes on with that story, and only that.
    assert stories_whose_checks_passed(instance) == {str(pair_key("tiny", "other"))}

    # What was outdated stays so, until it can be drawn: only that, and the page.
    states = Freshness(instance, defs.resolve_asset_graph()).of_pictures("tiny", "walk")
    assert [state.key for state in states if state.status != "fresh"] == ["panel_5", "story_grid"]
    broken_noise.on = False
    assert update(instance) == ["panel_5", "story_grid"]
    assert hash_file(grid) != grid_before
    assert evaluations(instance, "panel_5", "picture", partition) == [True, False, True]
    assert stories_whose_checks_passed(instance) == {partition, str(pair_key("tiny", "other"))}


def test_too_few_pictures_leave_the_data_set_before_them(project: Path, instance: dg.DagsterInstance) -> None:
    style = read_style("tiny")
    raw, filtered = output_folder("raw_dataset", "tiny"), output_folder("filtered_dataset", "tiny")
    build_raw_dataset(style, raw, project)
    filtered.mkdir(parents=True)
    rows = read_jsonl(raw / "metadata.jsonl")

    def export(count: int) -> dg.ExecuteInProcessResult:
        write_jsonl(filtered / "result.jsonl", rows[:count])
        write_jsonl(filtered / "rejects.jsonl", [])
        return dg.materialize(
            [processed_dataset], instance=instance, partition_key="tiny", raise_on_error=False
        )

    assert export(3).success
    table = output_file("processed_dataset", "tiny").read_bytes()
    failed = export(2)
    assert not failed.success and not failed.asset_materializations_for_node("processed_dataset")
    assert output_file("processed_dataset", "tiny").read_bytes() == table
    assert evaluations(instance, "processed_dataset", "enough_images", "tiny") == [False, True]
    assert evaluations(instance, "processed_dataset", "files", "tiny") == [True]
    # Three are enough to train on, and few for a style: a warning fails nothing.
    assert evaluations(instance, "processed_dataset", "enough_for_a_style", "tiny") == [False]
