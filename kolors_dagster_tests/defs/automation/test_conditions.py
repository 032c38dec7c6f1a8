"""What is made by itself, and what is not: real files, a real event log, real runs, at chosen times."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from kolors_dagster.defs.automation.conditions import condition_of
from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.keys import PANEL_KEYS, STORY_ASSETS, STYLE_ASSETS
from kolors_dagster.defs.partitions import pair_key, sync_partitions
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster_tests.conftest import draw_picture
from kolors_dagster_tests.defs.automation.conftest import DEFINITIONS, PAIR, Ticks, edit, edit_panel

NIGHT = datetime(2030, 5, 6, 3, 0)


def report(instance: dg.DagsterInstance, asset: str, partition: str, version: str) -> None:
    """Say that something outside made an asset."""
    tags = {"dagster/data_version": version}
    instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=partition, tags=tags))


def test_an_edited_story_is_redrawn_and_nothing_else(project: Path, ticks: Ticks) -> None:
    assert ticks.look() == {}
    edit_panel(project, 3, prompt="一只猫睡在屋顶上")
    assert ticks.until_quiet() == [{"walk": {"prompt_3"}}, {PAIR: {"panel_3", "story_grid"}}]
    edit_panel(project, 5, caption="她停了下来。")
    assert ticks.until_quiet() == [{"walk": {"captions"}}, {PAIR: {"story_grid"}}]
    assert all(run.success for run in ticks.runs)


def test_an_edit_that_comes_while_drawing_is_drawn_too(
    project: Path, ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit_panel(project, 3, prompt="一只猫睡在屋顶上")
    ticks.look()
    ticks.run()
    draw = KolorsBundle.draw

    def edit_then_draw(self: KolorsBundle, *arguments: object) -> object:
        monkeypatch.setattr(KolorsBundle, "draw", draw)
        edit_panel(project, 3, prompt="两只猫睡在屋顶上")
        ticks.look()
        ticks.run()
        return draw(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(KolorsBundle, "draw", edit_then_draw)
    ticks.look()
    ticks.run()
    assert ticks.until_quiet() == [{PAIR: {"panel_3", "story_grid"}}]


def test_what_was_out_of_date_before_the_first_look_is_redrawn(project: Path, ticks: Ticks) -> None:
    edit_panel(project, 3, prompt="一只猫睡在屋顶上")
    job = DEFINITIONS.resolve_job_def("write_story")
    assert job.execute_in_process(instance=ticks.instance, partition_key="walk").success
    assert ticks.look() == {PAIR: {"panel_3", "story_grid"}}


def test_a_pair_nobody_asked_for_is_not_drawn(project: Path, ticks: Ticks) -> None:
    for name in ("styles/tiny", "stories/walk"):
        copy = project / f"{name.split('/')[0]}/other.yaml"
        shutil.copy(project / f"{name}.yaml", copy)
        edit(copy, name="other")
    sync_partitions(ticks.instance)
    report(ticks.instance, "lora_checkpoint", "other", "1")
    assert ticks.until_quiet() == [{"other": set(STORY_ASSETS)}]  # the new story's words, and no picture
    report(ticks.instance, "lora_checkpoint", "tiny", "1")
    assert ticks.look() == {PAIR: {*PANEL_KEYS, "story_grid"}}  # a new LoRA: what was drawn with the old one


def test_a_failed_first_drawing_counts_as_asked_for(project: Path, ticks: Ticks) -> None:
    shutil.copy(project / "stories" / "walk.yaml", project / "stories" / "other.yaml")
    edit(project / "stories" / "other.yaml", name="other")
    sync_partitions(ticks.instance)
    ticks.until_quiet()
    lora = project / "assets" / "lora_checkpoint" / "tiny" / "lora.safetensors"
    lora.rename(lora.with_suffix(".away"))
    job = DEFINITIONS.resolve_job_def("draw_story")
    pair = pair_key("tiny", "other")
    assert not job.execute_in_process(
        instance=ticks.instance, partition_key=pair, raise_on_error=False
    ).success
    lora.with_suffix(".away").rename(lora)
    assert ticks.look() == {str(pair): {*PANEL_KEYS, "story_grid"}}


def test_a_story_that_cannot_be_read_stops_no_other(project: Path, ticks: Ticks) -> None:
    (project / "stories" / "broken.yaml").write_text("name: broken\npanels: [", encoding="utf-8")
    sync_partitions(ticks.instance)
    edit_panel(project, 1, seed=7)
    assert ticks.look() == {"walk": {"prompt_1"}}


def test_what_a_run_makes_already_is_not_asked_for_again(project: Path, ticks: Ticks) -> None:
    edit_panel(project, 1, seed=7)
    job = DEFINITIONS.resolve_job_def("write_story")
    run = ticks.instance.create_run_for_job(job, tags={"dagster/partition": "walk"})
    assert ticks.look() == {}
    ticks.instance.report_run_canceled(run)
    assert ticks.look() == {"walk": {"prompt_1"}}


def test_new_images_wait_for_the_schedule_and_are_trained_once(project: Path, ticks: Ticks) -> None:
    edit(project / "styles" / "tiny.yaml", retrain="0 3 * * *")
    ticks.look(NIGHT - timedelta(hours=15))
    draw_picture(project / "pictures" / "tiny" / "new.png", 64, 5)
    assert ticks.look(NIGHT - timedelta(hours=14)) == {}
    assert ticks.look(NIGHT - timedelta(seconds=1)) == {}
    assert ticks.until_quiet(NIGHT + timedelta(seconds=5)) == [
        {"tiny": {"raw_dataset"}},
        {"tiny": {"filtered_dataset", "processed_dataset"}},
        {"tiny": {"training_cache"}},
        {"tiny": {"lora_checkpoint"}},
        {PAIR: {*PANEL_KEYS, "story_grid"}},
    ]
    assert all(run.success for run in ticks.runs)
    assert ticks.look(NIGHT + timedelta(days=1, seconds=5)) == {}  # nothing new came

    (project / "pictures" / "tiny" / "also-broken.png").write_bytes(b"")
    assert ticks.look(NIGHT + timedelta(days=1, hours=1)) == {}
    # Another reject is another report, and the same data set: nothing is trained.
    assert ticks.until_quiet(NIGHT + timedelta(days=2, seconds=5)) == [{"tiny": {"raw_dataset"}}]


def test_a_changed_recipe_is_trained_at_its_time(project: Path, ticks: Ticks) -> None:
    recipe = {"steps": 2, "rank": 2, "resolution": 64}
    edit(project / "styles" / "tiny.yaml", retrain="0 3 * * *", training=recipe)
    assert ticks.look(NIGHT - timedelta(hours=1)) == {}
    asked = ticks.until_quiet(NIGHT + timedelta(seconds=5))
    assert asked[0] == {"tiny": {"training_recipe"}}
    assert [assets for wave in asked[1:-1] for assets in wave.values()] == [
        {"training_cache", "lora_checkpoint"}
    ]


def test_a_time_missed_while_the_daemon_was_off_is_made_up_for(project: Path, ticks: Ticks) -> None:
    edit(project / "styles" / "tiny.yaml", retrain="0 3 * * *")
    ticks.look(NIGHT - timedelta(hours=15))
    draw_picture(project / "pictures" / "tiny" / "new.png", 64, 5)
    assert ticks.look(NIGHT + timedelta(hours=6)) == {"tiny": {"raw_dataset"}}


def test_without_a_schedule_nothing_is_trained(project: Path, ticks: Ticks) -> None:
    draw_picture(project / "pictures" / "tiny" / "new.png", 64, 5)
    ticks.look(NIGHT - timedelta(hours=15))
    assert ticks.look(NIGHT + timedelta(days=40)) == {}
    # A person reads the new images in; that alone does not start a training.
    job = DEFINITIONS.resolve_implicit_global_asset_job_def()
    selection = [dg.AssetKey("raw_dataset")]
    assert job.execute_in_process(
        instance=ticks.instance, partition_key="tiny", asset_selection=selection
    ).success
    assert ticks.look(NIGHT + timedelta(days=41)) == ticks.look(NIGHT + timedelta(days=42)) == {}


def test_a_style_never_trained_is_trained_from_nothing_at_its_time(project: Path, ticks: Ticks) -> None:
    shutil.copy(project / "styles" / "tiny.yaml", project / "styles" / "second.yaml")
    edit(project / "styles" / "second.yaml", name="second", retrain="0 3 * * *")
    shutil.rmtree(project / "assets" / "base_model")  # as before the first training
    open_instance()
    assert ticks.until_quiet(NIGHT - timedelta(hours=15)) == [{None: {"base_model"}}]
    assert ticks.until_quiet(NIGHT + timedelta(seconds=5)) == [{"second": set(STYLE_ASSETS)}]
    assert all(run.success for run in ticks.runs)


def test_every_asset_says_when_it_is_made_by_itself() -> None:
    for node in DEFINITIONS.resolve_asset_graph().asset_nodes:
        assert node.automation_condition == condition_of(node.key.to_user_string())
