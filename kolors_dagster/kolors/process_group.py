"""Run one function in several processes of this machine, one a GPU, that can add up tensors together."""

import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from multiprocessing import connection, resource_tracker
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from torch import distributed
from tqdm import tqdm

from kolors_dagster.errors import UserError
from kolors_dagster.files import write_whole_file

# Much longer than one process can be ahead of another, who reads the model from a slow disk.
_PATIENCE = timedelta(hours=1)


class _End(NamedTuple):
    """When a process had done its work, and what came of it: a result or an error."""

    at: int
    rank: int
    outcome: Any


def run_in_group(
    work: Callable[..., Any], arguments: Sequence[Any], processes: int, device: torch.device
) -> Any:
    """Call `work(rank, processes, *arguments)` in each of `processes` new processes; return what rank 0 does.

    They form torch.distributed's default group: NCCL on CUDA, where process `rank` has GPU `rank`, else gloo.
    `work` and `arguments` are pickled. The first that fails, or an interrupt here, ends them all at once, so
    whatever `work` writes must be whole or not there; so does the end of this process, however it comes. A
    UserError is raised here as it was there. Raises UserError too for a process that was killed from outside,
    and RuntimeError, with the process's own traceback, for any other error.
    """
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory(prefix="kolors-") as name:
        folder = Path(name)
        members = [
            context.Process(target=_be_member, args=(folder, rank, processes, device.type, work, arguments))
            for rank in range(processes)
        ]
        try:
            _start(members)
            codes = _wait(members)
        finally:
            for member in members:
                if member.pid is not None:
                    member.kill()
                    member.join()
        ends: list[_End] = [pickle.loads(file.read_bytes()) for file in folder.glob("[0-9]*.pickle")]
    error = _find_error(codes, ends)
    if error is not None:
        raise error
    return next(end.outcome for end in ends if end.rank == 0)


def _start(members: Sequence[SpawnProcess]) -> None:
    """Start them deaf to Ctrl-C, which reaches every process of a terminal: only this one is to act on it."""
    resource_tracker.ensure_running()  # which, when it starts, lets the signal through again
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for member in members:
            member.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _wait(members: Sequence[SpawnProcess]) -> list[int]:
    """Wait until all have ended well, or one has not; return the exit codes there are then."""
    running = {member.sentinel for member in members}
    while running and not any(member.exitcode for member in members):
        running.difference_update(connection.wait(list(running)))
    return [member.exitcode or 0 for member in members]


def _be_member(
    folder: Path,
    rank: int,
    processes: int,
    device_type: str,
    work: Callable[..., Any],
    arguments: Sequence[Any],
) -> None:
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    # The usual lock of progress bars is one between processes, which one that is killed leaves behind.
    tqdm.set_lock(threading.RLock())
    torch.set_num_threads(max(1, torch.get_num_threads() // processes))
    outcome: Any
    try:
        _join_group(folder / "group", rank, processes, device_type)
        outcome = work(rank, processes, *arguments)
    except UserError as error:
        outcome = error
    except Exception:
        outcome = RuntimeError(f"process {rank} failed:\n{traceback.format_exc()}")
    with write_whole_file(folder / f"{rank}.pickle") as aside:
        aside.write_bytes(pickle.dumps(_End(time.time_ns(), rank, outcome)))
    if isinstance(outcome, Exception):
        # Leaving the group in good order would wait for the others, who wait for this one.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
    distributed.destroy_process_group()


def _join_group(meeting: Path, rank: int, processes: int, device_type: str) -> None:
    device = torch.device("cuda", rank) if device_type == "cuda" else None
    if device is not None:
        torch.cuda.set_device(device)
    distributed.init_process_group(
        "gloo" if device is None else "nccl",
        init_method=f"file://{meeting}",
        rank=rank,
        world_size=processes,
        timeout=_PATIENCE,
        device_id=device,
    )


def _end_with_parent(folder: Path) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)


def _find_error(codes: Sequence[int], ends: Sequence[_End]) -> Exception | None:
    """Return what went wrong first: when one goes, the others' next error is that they lost it."""
    for rank, code in enumerate(codes):
        if code in (-signal.SIGKILL, -signal.SIGTERM):
            return UserError(
                f"process {rank} of {len(codes)} was ended by {signal.Signals(-code).name}",
                "see whether the machine ran out of memory; with devices: 1 one process does it all",
            )
    errors = [end for end in ends if isinstance(end.outcome, Exception)]
    if errors:
        return min(errors, key=lambda end: end.at).outcome
    return RuntimeError(f"the processes ended with the exit codes {codes}") if any(codes) else None
