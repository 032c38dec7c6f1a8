"""Three tries with the same inputs, then a message; something new starts again. The failures are real."""

from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from kolors_dagster.defs.automation.outlook import Outlook
from kolors_dagster.defs.automation.sensors import failed_tries
from kolors_dagster.defs.automation.tries import TRY_TAG
from kolors_dagster.defs.freshness import Freshness
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster_tests.defs.automation.conftest import DEFINITIONS, PAIR, Ticks, edit, edit_panel

REDRAW = {PAIR: {"panel_3", "story_grid"}}
GRAPH = DEFINITIONS.resolve_asset_graph()


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    def draw(*arguments: object) -> None:
        raise MemoryError("the GPU has no memory left")

    monkeypatch.setattr(KolorsBundle, "draw", draw)
    return monkeypatch


def explain(ticks: Ticks) -> list[str]:
    """Return what `status` says of the pictures."""
    states = Freshness(ticks.instance, GRAPH).of_pictures("tiny", "walk")
    return Outlook(ticks.instance, GRAPH).explain(states)


def judge_last_run(ticks: Ticks) -> tuple[str, str]:
    """Return what the failure sensor says of the last run: its tag, and the tick's message."""
    run = ticks.instance.get_runs(limit=1)[0]
    failure = ticks.instance.all_logs(run.run_id, dg.DagsterEventType.RUN_FAILURE)[0].dagster_event
    assert failure is not None
    context = dg.build_run_status_sensor_context(
        sensor_name="failed_tries",
        dagster_instance=ticks.instance,
        dagster_run=run,
        dagster_event=failure,
        repository_def=DEFINITIONS.get_repository_def(),
    ).for_run_failure()
    said = failed_tries(context)
    assert isinstance(said, dg.SkipReason)
    return ticks.instance.get_runs(limit=1)[0].tags[TRY_TAG], said.skip_message or ""


def test_after_three_failures_it_stops_says_so_and_goes_on_when_something_is_new(
    project: Path, ticks: Ticks, no_memory: pytest.MonkeyPatch
) -> None:
    edit_panel(project, 3, seed=7)
    ticks.look()
    ticks.run()
    now = datetime.now()
    assert ticks.look() == REDRAW
    ticks.run()
    assert judge_last_run(ticks)[0] == "1 of 3"
    assert ticks.look(now + timedelta(seconds=30)) == {}  # not at once again
    assert ticks.look(now + timedelta(minutes=2)) == REDRAW
    ticks.run()
    assert ticks.look(now + timedelta(minutes=2)) == {}
    assert ticks.look(now + timedelta(minutes=10)) == REDRAW
    ticks.run()
    assert ticks.look(now + timedelta(days=300)) == {}

    tag, message = judge_last_run(ticks)
    assert tag == "3 of 3, stopped"
    for line in (message, explain(ticks)[0]):
        assert "panel_3 of walk|tiny" in line.replace("panel_3, story_grid", "panel_3")
        assert "after 3 tries" in line and "the GPU has no memory left" in line
        assert ticks.runs[-1].run_id[:8] in line and "kolors-dagster up" in line

    no_memory.undo()
    edit_panel(project, 3, seed=8)
    no_memory.setenv("KOLORS_DATA", str(project))
    no_memory.setenv("DAGSTER_HOME", str(project.parent / "home"))
    assert ticks.until_quiet() == [{"walk": {"prompt_3"}}, REDRAW]
    assert explain(ticks) == []


def test_a_mistake_is_not_tried_again(project: Path, ticks: Ticks) -> None:
    (project / "assets" / "lora_checkpoint" / "tiny" / "lora.safetensors").unlink()
    edit_panel(project, 3, seed=7)
    assert ticks.until_quiet() == [{"walk": {"prompt_3"}}, REDRAW]
    assert ticks.look(datetime.now() + timedelta(days=1)) == {}
    assert judge_last_run(ticks)[0] == "1 of 3, stopped"
    assert "lora_checkpoint has not been made yet" in explain(ticks)[0]


def test_a_cancelled_run_is_not_started_again(project: Path, ticks: Ticks) -> None:
    edit_panel(project, 3, seed=7)
    asked = ticks.look()
    assert asked == {"walk": {"prompt_3"}}
    run = ticks.instance.create_run_for_job(
        DEFINITIONS.resolve_implicit_global_asset_job_def(),
        tags={**ticks.requests[0].tags, "dagster/partition": "walk"},
        asset_selection=frozenset(ticks.requests[0].asset_selection or ()),
    )
    ticks.instance.report_run_canceled(run)
    assert ticks.look(datetime.now() + timedelta(days=1)) == {}
    edit_panel(project, 3, seed=9)
    assert ticks.look() == asked


def test_a_scheduled_reading_that_fails_waits_for_something_new(project: Path, ticks: Ticks) -> None:
    night = datetime(2030, 5, 6, 3, 0)
    pictures = project / "pictures" / "tiny"
    edit(project / "styles" / "tiny.yaml", retrain="0 3 * * *")
    pictures.rename(pictures.with_name("moved"))
    ticks.look(night - timedelta(hours=1))
    assert ticks.look(night) == {"tiny": {"raw_dataset"}}
    ticks.run()
    assert not ticks.runs[-1].success
    for days in (0, 1, 2):
        assert ticks.look(night + timedelta(days=days, hours=1)) == {}
    pictures.with_name("moved").rename(pictures)
    (pictures / "0.png").touch()
    assert ticks.look(night + timedelta(days=2, hours=9)) == {}
    assert ticks.look(night + timedelta(days=3, hours=1)) == {"tiny": {"raw_dataset"}}
