"""What the daemon notices: files that come, go or are broken, and new images."""

from pathlib import Path

import dagster as dg

from kolors_dagster.defs.automation.sensors import new_images, spec_files
from kolors_dagster.defs.freshness import Freshness
from kolors_dagster.defs.process import PROCESS_TAG, process_tag
from kolors_dagster_tests.conftest import draw_picture
from kolors_dagster_tests.defs.automation.conftest import DEFINITIONS, Ticks, edit, edit_panel

REPOSITORY = DEFINITIONS.get_repository_def()


def look_for_files(instance: dg.DagsterInstance) -> str:
    found = spec_files(dg.build_sensor_context(instance))
    assert isinstance(found, dg.SkipReason) and found.skip_message is not None
    return found.skip_message


def look_for_images(instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    context = dg.build_sensor_context(instance, cursor=cursor, repository_def=REPOSITORY)
    found = new_images(context)
    assert isinstance(found, dg.SensorResult)
    return found


def said(found: dg.SensorResult) -> str:
    assert found.skip_reason is not None and found.skip_reason.skip_message is not None
    return found.skip_reason.skip_message


def test_files_come_and_go_and_a_broken_one_is_told(project: Path, ticks: Ticks) -> None:
    stories = project / "stories"
    (stories / "broken.yaml").write_text("name: broken\ntitle: x\npanels: []\n", encoding="utf-8")
    (stories / "walk.yaml").rename(stories / "stroll.yaml")
    edit(stories / "stroll.yaml", name="stroll")
    message = look_for_files(ticks.instance)
    assert "new story stroll" in message and "removed story walk" in message
    assert "broken.yaml:3: panels: 8 entries are wanted, there are 0" in message
    assert "fix: add 8 more" in message
    assert set(ticks.instance.get_dynamic_partitions("story")) == {"broken", "stroll"}
    (stories / "broken.yaml").unlink()
    assert "broken" in look_for_files(ticks.instance)
    assert "all can be read" in look_for_files(ticks.instance)


def test_a_run_whose_process_is_gone_blocks_nothing(project: Path, ticks: Ticks) -> None:
    edit_panel(project, 1, seed=7)
    asked = ticks.look()
    ticks.run()
    made_by = ticks.instance.get_runs(limit=1)[0].tags[PROCESS_TAG]
    assert made_by == process_tag()
    edit_panel(project, 1, seed=8)
    job = DEFINITIONS.resolve_implicit_global_asset_job_def()
    gone = made_by.rsplit(":", 1)[0] + ":1.00"  # this pid, but another process long ago
    run = ticks.instance.create_run_for_job(
        job, tags={"dagster/partition": "walk", PROCESS_TAG: gone}, status=dg.DagsterRunStatus.STARTED
    )
    assert ticks.look() == {}
    assert f"closed run {run.run_id[:8]}" in look_for_files(ticks.instance)
    assert ticks.look() == asked


def test_new_images_mark_the_style_once(project: Path, ticks: Ticks) -> None:
    quiet = look_for_images(ticks.instance, None)
    assert not quiet.asset_events and quiet.skip_reason == dg.SkipReason("no style has new images")
    draw_picture(project / "pictures" / "tiny" / "new.png", 64, 5)
    seen = look_for_images(ticks.instance, quiet.cursor)
    assert "tiny: new images" in said(seen) and "kolors-dagster train tiny" in said(seen)
    (event,) = seen.asset_events
    assert (event.asset_key.path, event.partition) == (["raw_dataset"], "tiny")
    again = look_for_images(ticks.instance, seen.cursor)
    assert not again.asset_events and "tiny: new images" in said(again)

    edit(project / "styles" / "tiny.yaml", retrain="0 3 * * *")
    assert "03:00 (0 3 * * *)" in said(look_for_images(ticks.instance, again.cursor))


def test_the_mark_itself_makes_nothing_out_of_date(project: Path, ticks: Ticks) -> None:
    draw_picture(project / "pictures" / "tiny" / "new.png", 64, 5)
    (event,) = look_for_images(ticks.instance, None).asset_events
    ticks.instance.report_runless_asset_event(event)
    states = Freshness(ticks.instance, DEFINITIONS.resolve_asset_graph()).of_style("tiny")
    assert [state.key for state in states if state.status != "fresh"] == ["raw_dataset"]
    assert ticks.look() == {}
