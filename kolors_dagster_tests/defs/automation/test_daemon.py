"""The real daemon and webserver, as `make ui` starts them; some minutes, most of them spent waiting.

What each condition does at which time is in test_conditions; here: that the daemon does it.
"""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import dagster as dg
import psutil
import pytest

from kolors_dagster.defs.automation.tries import AUTOMATIC_TAG, PARTITION_TAG
from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.keys import PANEL_KEYS, STYLE_ASSETS
from kolors_dagster.paths import PROJECT_ROOT
from kolors_dagster_tests.conftest import draw_picture
from kolors_dagster_tests.defs.automation.conftest import PAIR, edit, edit_panel

EVERY_MINUTE = "* * * * *"
DEADLINE = 900  # seconds, for a machine that is busy with other things
GPU_STEPS = {"training_cache", "lora_checkpoint", "panels"}
Run = tuple[str, frozenset[str]]  # partition, assets


@pytest.fixture
def instance(project: Path) -> dg.DagsterInstance:
    return open_instance()


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Run webserver and daemon; yield the server's address. All processes are gone at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = ["-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", port]
    with (folder / "dev.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *command], cwd=PROJECT_ROOT, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        process.send_signal(signal.SIGINT)
        _, alive = psutil.wait_procs(family, timeout=20)
        for left in alive:
            left.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], until: float) -> None:
    while not condition():
        assert time.monotonic() < until, "the daemon did not get there in time"
        time.sleep(1)


def automatic_runs(instance: dg.DagsterInstance) -> dict[Run, dg.DagsterRunStatus]:
    runs = instance.get_runs(dg.RunsFilter(tags={AUTOMATIC_TAG: "yes"}))
    found = {
        (
            run.tags[PARTITION_TAG],
            frozenset(k.to_user_string() for k in run.asset_selection or ()),
        ): run.status
        for run in runs
    }
    assert len(found) == len(runs), "something was made twice"
    return found


def gpu_times(instance: dg.DagsterInstance) -> list[tuple[float, float, str]]:
    """Return when each step that uses the GPU began and ended."""
    times = []
    for run in instance.get_runs(dg.RunsFilter(tags={AUTOMATIC_TAG: "yes"})):
        for step in instance.get_run_step_stats(run.run_id):
            if step.step_key in GPU_STEPS and step.start_time and step.end_time:
                times.append((step.start_time, step.end_time, f"{run.tags[PARTITION_TAG]} {step.step_key}"))
    return sorted(times)


def ask(server: str, query: str) -> dict[str, dict[str, object]]:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"{server}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


@pytest.mark.daemon
@pytest.mark.timeout(DEADLINE + 100)
def test_the_daemon_redraws_and_trains_by_itself(
    project: Path, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    styles = project / "styles"
    for name in ("second", "third"):  # never trained, and due at the same moment
        shutil.copy(styles / "tiny.yaml", styles / f"{name}.yaml")
        edit(styles / f"{name}.yaml", name=name, retrain=EVERY_MINUTE)
    edit(styles / "tiny.yaml", retrain=EVERY_MINUTE)
    draw_picture(project / "pictures" / "tiny" / "new.png", 64, 5)
    redrawn: Run = (PAIR, frozenset({"panel_3", "story_grid"}))
    expected: set[Run] = {
        ("walk", frozenset({"prompt_3"})),
        redrawn,
        ("tiny", frozenset({"raw_dataset"})),
        ("tiny", frozenset({"filtered_dataset", "processed_dataset"})),
        ("tiny", frozenset({"training_cache"})),
        ("tiny", frozenset({"lora_checkpoint"})),
        (PAIR, frozenset({*PANEL_KEYS, "story_grid"})),
        ("second", frozenset(STYLE_ASSETS)),
        ("third", frozenset(STYLE_ASSETS)),
    }
    until = time.monotonic() + DEADLINE
    with serve(tmp_path) as server:
        edit_panel(project, 3, prompt="一只猫睡在屋顶上")
        success = dg.DagsterRunStatus.SUCCESS
        wait_until(lambda: automatic_runs(instance).get(redrawn) == success, until)
        sensors = ask(
            server,
            '{ sensorsOrError(repositorySelector: {repositoryName: "__repository__", '
            'repositoryLocationName: "kolors_dagster"}) '
            "{ ... on Sensors { results { name sensorState { status } } } } }",
        )
        assert {s["sensorState"]["status"] for s in sensors["sensorsOrError"]["results"]} == {"RUNNING"}
        wait_until(lambda: set(automatic_runs(instance)) >= expected, until)
        wait_until(lambda: set(automatic_runs(instance).values()) == {success}, until)
        # `second` and `third` were trained minutes ago, and every minute since was a time to train.
        assert set(automatic_runs(instance)) == expected

    times = gpu_times(instance)
    assert len(times) == 2 * 3 + 2
    for (_, end, before), (start, _, after) in pairwise(times):
        assert end <= start, f"{after} began before {before} had ended"
