"""Runs that died, partitions, and the configuration in force."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from kolors_dagster.defs.instance import close_dead_runs, open_instance
from kolors_dagster.defs.resources import GPU_POOL
from kolors_dagster_tests.conftest import STYLE, write_spec


def start_training() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "kolors_dagster.cli", "train", "tiny"]
    with Path("train.log").open("wb") as log:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)


def wait_for(condition: object, process: subprocess.Popen[bytes], seconds: float = 200) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert process.poll() is None, "training ended by itself"
        if time.monotonic() > until:
            process.kill()  # or it would train on beside the tests that follow
            raise AssertionError(f"not within {seconds} seconds")
        time.sleep(0.05)


def test_a_killed_training_blocks_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    training = {**STYLE["training"], "steps": 2_000, "checkpoint_every": 2}  # type: ignore[dict-item]
    write_spec(project / "styles" / "tiny.yaml", {**STYLE, "training": training})
    checkpoints = project / "assets" / "training_checkpoints" / "tiny"
    process = start_training()
    wait_for(lambda: list(checkpoints.glob("*")), process)
    process.send_signal(signal.SIGKILL)
    process.wait()

    instance = dg.DagsterInstance.get()
    run = instance.get_runs(limit=1)[0]
    assert run.status == dg.DagsterRunStatus.STARTED
    assert instance.event_log_storage.get_concurrency_info(GPU_POOL).active_run_ids == {run.run_id}
    close_dead_runs(instance)
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]
    assert not instance.event_log_storage.get_concurrency_info(GPU_POOL).active_run_ids


def test_a_living_run_is_left_alone_and_ctrl_c_ends_it_tidily(
    project: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    training = {**STYLE["training"], "steps": 2_000}  # type: ignore[dict-item]
    write_spec(project / "styles" / "tiny.yaml", {**STYLE, "training": training})
    process = start_training()
    try:
        wait_for(lambda: instance.event_log_storage.get_concurrency_info(GPU_POOL).active_run_ids, process)
        close_dead_runs(instance)
        assert instance.event_log_storage.get_concurrency_info(GPU_POOL).active_run_ids
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert "run the same command again" in Path("train.log").read_text()
    finally:
        process.kill()
        process.wait()
    assert not instance.event_log_storage.get_concurrency_info(GPU_POOL).active_run_ids
    assert instance.get_runs(limit=1)[0].is_finished


def test_the_partitions_are_the_files(project: Path) -> None:
    instance = open_instance()
    assert instance.get_dynamic_partitions("style") == ["tiny"]
    (project / "styles" / "tiny.yaml").rename(project / "styles" / "other.yaml")
    assert open_instance().get_dynamic_partitions("style") == ["other"]
    assert instance.get_dynamic_partitions("story") == ["walk"]


def test_the_projects_dagster_yaml_is_in_force(project: Path) -> None:
    instance = open_instance()
    assert not instance.telemetry_enabled
    assert instance.event_log_storage.get_concurrency_info(GPU_POOL) is not None
    assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
