"""`gc`: free disk space, and say what was freed."""

import dagster as dg

from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.outputs import output_folder
from kolors_dagster.errors import UserError
from kolors_dagster.lineage.garbage import Garbage, Places, find_garbage, remove_garbage
from kolors_dagster.paths import data_root

_AT_WORK = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def collect_garbage(keep: int, *, dry_run: bool) -> None:
    """Delete what nothing needs, or only list it; raises UserError while a run is at work."""
    root = data_root() / "assets"
    if not dry_run:
        _refuse_beside_a_run()
    garbage = find_garbage(
        Places(
            root=root,
            panels=output_folder("panel_1"),
            grids=output_folder("story_grid"),
            loras=output_folder("lora_checkpoint"),
            checkpoints=output_folder("training_checkpoints"),
        ),
        keep,
    )
    freed = 0
    for found in garbage if dry_run else remove_garbage(garbage):
        freed += found.bytes
        print(_tell(found, found.path.relative_to(root).as_posix()))
    if not garbage:
        print("nothing to free")
    else:
        print(f"{'would free' if dry_run else 'freed'} {_show_size(freed)} in {len(garbage)} places")


def _refuse_beside_a_run() -> None:
    for run in open_instance().get_runs(dg.RunsFilter(statuses=_AT_WORK), limit=1):
        raise UserError(
            f"run {run.run_id} ({run.job_name}) is at work, and may need what looks old",
            "wait until it is done, or use --dry-run",
        )


def _tell(found: Garbage, path: str) -> str:
    return f"{_show_size(found.bytes):>10}  {path}  ({found.what})"


def _show_size(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
