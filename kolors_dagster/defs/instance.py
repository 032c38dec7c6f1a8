"""The Dagster instance that the command line and the UI share."""

import os
import shutil
from pathlib import Path

import dagster as dg

from kolors_dagster.defs.partitions import sync_partitions
from kolors_dagster.defs.process import PROCESS_TAG, is_gone
from kolors_dagster.defs.resources import GPU_POOL
from kolors_dagster.errors import UserError
from kolors_dagster.paths import PROJECT_ROOT


def open_instance() -> dg.DagsterInstance:
    """Return the instance at `$DAGSTER_HOME` (or `.dagster_home` of the project), ready for a run.

    `dagster.yaml` of the project is in force there unless the folder has its own; partitions are those of
    the files, and runs whose process is gone are closed, so that none of them blocks the GPU.
    """
    home = os.environ.setdefault("DAGSTER_HOME", str(PROJECT_ROOT / ".dagster_home"))
    if not os.path.isabs(home):
        raise UserError(f"DAGSTER_HOME is {home!r}", "make it an absolute path, or leave it unset")
    os.makedirs(home, exist_ok=True)
    if not os.path.exists(os.path.join(home, "dagster.yaml")):
        shutil.copyfile(PROJECT_ROOT / "dagster.yaml", os.path.join(home, "dagster.yaml"))
    instance = dg.DagsterInstance.get()
    sync_partitions(instance)
    close_dead_runs(instance)
    return instance


def has_event_log() -> bool:
    """Say whether there is an instance to ask, without making one."""
    return (Path(os.environ.get("DAGSTER_HOME") or PROJECT_ROOT / ".dagster_home") / "dagster.yaml").is_file()


def close_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark as failed the runs whose process on this machine is gone, and give back their place on the GPU.

    Returns what was closed, in words.
    """
    closed = []
    unfinished = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
    for run in instance.get_runs(unfinished):
        tag = run.tags.get(PROCESS_TAG)
        if tag is not None and is_gone(tag):
            instance.report_run_failed(
                run, "its process was killed; the next run goes on from what it finished"
            )
            closed.append(f"closed run {run.run_id[:8]}, whose process was killed")
    held = instance.event_log_storage.get_concurrency_info(GPU_POOL)
    for run_id in held.active_run_ids | held.pending_run_ids:
        holder = instance.get_run_by_id(run_id)
        if holder is None or holder.is_finished:
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    return closed
