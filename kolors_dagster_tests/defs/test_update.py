"""The whole chain on a real instance, with the real components, and what becomes of failures."""

import json
from pathlib import Path

import dagster as dg
import pytest
import yaml
from PIL import Image

from kolors_dagster.definitions import defs
from kolors_dagster.defs.freshness import Freshness
from kolors_dagster.defs.keys import PROMPT_KEYS
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.defs.update import Updater
from kolors_dagster.errors import UserError
from kolors_dagster.story.provenance import read_record


def update(instance: dg.DagsterInstance) -> list[str]:
    """Bring the story up to date; return what was made, in order."""
    updater = Updater(defs, instance, lambda item, wave: None)
    updater.update_story("tiny", "walk")
    return updater.materialized


def edit_story(root: Path, change: str, panel: int, value: object) -> None:
    path = root / "stories" / "walk.yaml"
    story = yaml.safe_load(path.read_text(encoding="utf-8"))
    story["panels"][panel - 1][change] = value
    path.write_text(yaml.safe_dump(story, allow_unicode=True), encoding="utf-8")


def metadata_of(instance: dg.DagsterInstance, asset: str, partition: str) -> dict[str, object]:
    wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[partition])
    made = instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
    assert made is not None
    return {name: value.value for name, value in made.metadata.items()}


def test_from_pictures_to_a_story(project: Path, instance: dg.DagsterInstance) -> None:
    first = update(instance)
    assert first[0] == "base_model" and first[-1] == "story_grid"
    assert len(first) == len(set(first)) == 26  # every asset, once

    # Nothing lost: six files were found; the broken one and the small one each have their reason.
    raw = metadata_of(instance, "raw_dataset", "tiny")
    assert (raw["found"], raw["kept"], raw["rejected"]) == (6, 5, 1)
    filtered = metadata_of(instance, "filtered_dataset", "tiny")
    assert (filtered["total"], filtered["kept"], filtered["rejected"]) == (5, 4, 1)
    grid = project / "assets" / "story_grid" / "tiny" / "walk"
    assert Image.open(grid / "all.png").size == Image.open(grid / "all.jpg").size == (1024, 2048)
    assert len(read_record(grid / "all.png")["panels"]) == 8
    assert (grid / "story.png").exists()

    assert update(instance) == []


def test_an_edit_in_the_launchpad_shows_and_stays_until_the_file_changes(
    project: Path, instance: dg.DagsterInstance
) -> None:
    job = defs.resolve_job_def("write_story")
    assert job.execute_in_process(instance=instance, partition_key="walk").success
    before = metadata_of(instance, "prompt_3", "walk")
    config = {"ops": {"prompt_3": {"config": {"prompt": "{女孩}在雨里唱歌"}}}}
    job.execute_in_process(
        instance=instance, partition_key="walk", asset_selection=[dg.AssetKey("prompt_3")], run_config=config
    )
    after = metadata_of(instance, "prompt_3", "walk")
    assert before["prompt_3"] != after["prompt_3"]
    assert after["prompt_3"]["prompt"] == "一个紫色短发的女孩在雨里唱歌"  # type: ignore[index]

    def outdated() -> list[str]:
        states = Freshness(instance, defs.resolve_asset_graph()).of_story("walk")
        return [state.key for state in states if state.status != "fresh"]

    assert outdated() == []
    edit_story(project, "seed", 3, 99)
    assert outdated() == ["prompt_3"]


def test_every_job_runs_with_a_partition_and_nothing_typed(
    project: Path, instance: dg.DagsterInstance
) -> None:
    for job, partition in (
        ("train_style", "tiny"),
        ("write_story", "walk"),
        ("draw_story", pair_key("tiny", "walk")),
    ):
        result = defs.resolve_job_def(job).execute_in_process(instance=instance, partition_key=partition)
        assert result.success, job
    assert (project / "assets" / "story_grid" / "tiny" / "walk" / "story.png").exists()
    recorded = json.loads(
        (project / "assets" / "prompt_8" / "walk" / "prompt.json").read_text(encoding="utf-8")
    )
    assert recorded["negative_prompt"] == "模糊, text"
    assert set(PROMPT_KEYS) <= {path.name for path in (project / "assets").iterdir()}


def test_a_failed_stage_leaves_the_previous_good_output(project: Path, instance: dg.DagsterInstance) -> None:
    Updater(defs, instance, lambda job, wave: None).update_style("tiny")
    rows = (project / "assets" / "filtered_dataset" / "tiny" / "result.jsonl").read_bytes()
    style = project / "styles" / "tiny.yaml"
    style.write_text(
        style.read_text(encoding="utf-8").replace("min_width: 48", "min_width: 4800"), encoding="utf-8"
    )
    with pytest.raises(UserError, match="image_shape_filter removed 5 of 5"):
        Updater(defs, instance, lambda job, wave: None).update_style("tiny")
    assert (project / "assets" / "filtered_dataset" / "tiny" / "result.jsonl").read_bytes() == rows
