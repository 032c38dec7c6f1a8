"""Several processes: they add up, an error in one ends all, and none outlives the one that started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch import distributed

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.process_group import run_in_group

CPU = torch.device("cpu")


def add_up(rank: int, processes: int, number: int) -> list[float]:
    total = torch.tensor([float(number + rank)])
    distributed.all_reduce(total)
    return [rank, processes, distributed.get_rank(), distributed.get_world_size(), float(total)]


def fail(rank: int, processes: int, how: str, folder: Path) -> None:
    (folder / f"{rank}.pid").write_text(str(os.getpid()))
    if rank == 1:
        while len(list(folder.glob("*.pid"))) < processes:
            time.sleep(0.01)
        if how == "mistake":
            raise UserError("the file is missing", "put it there")
        if how == "bug":
            raise ZeroDivisionError("a bug")
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
    wait_for_the_other(rank)


def wait_for_the_other(rank: int) -> None:
    if rank == 0:
        distributed.all_reduce(torch.zeros(1))
    time.sleep(600)


def read_pids(folder: Path) -> list[int]:
    return [int(file.read_text() or 0) for file in folder.glob("*.pid")]


def all_gone(folder: Path) -> bool:
    return len(read_pids(folder)) == 2 and not any(psutil.pid_exists(pid) for pid in read_pids(folder))


def test_they_add_up_and_the_first_one_answers() -> None:
    assert run_in_group(add_up, [5], 2, CPU) == [0, 2, 0, 2, 11.0]


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("mistake", UserError, r"^the file is missing\n  fix: put it there$"),
        ("bug", RuntimeError, r"process 1 failed:\n(?s:.*)ZeroDivisionError: a bug"),
        ("killed", UserError, "process 1 of 2 was ended by SIGKILL"),
    ],
)
def test_one_that_fails_ends_the_other(
    tmp_path: Path, how: str, error: type[Exception], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(error, match=message):
        run_in_group(fail, [how, tmp_path], 2, CPU)
    assert "Traceback" not in capfd.readouterr().err, "told twice"
    assert all_gone(tmp_path)


PARENT = """
import sys
from pathlib import Path
import torch
from kolors_dagster.kolors.process_group import run_in_group
from kolors_dagster_tests.kolors.test_process_group import fail
try:
    run_in_group(fail, ["not at all", Path(sys.argv[1])], 2, torch.device("cpu"))
except KeyboardInterrupt:
    sys.exit("interrupted")
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_none_outlives_the_process_that_started_them(tmp_path: Path, sent: signal.Signals) -> None:
    parent = start_parent(tmp_path)
    while len([pid for pid in read_pids(tmp_path) if pid]) < 2:
        assert parent.poll() is None
        time.sleep(0.01)
    # Ctrl-C in a terminal goes to the whole foreground group.
    if sent == signal.SIGINT:
        os.killpg(parent.pid, sent)
    else:
        parent.kill()
    output = parent.communicate(timeout=30)[0]
    assert output == ("interrupted\n" if sent == signal.SIGINT else "")
    deadline = time.monotonic() + 10
    while not all_gone(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def start_parent(folder: Path) -> "subprocess.Popen[Any]":
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Tests that a shell started in the background ignore Ctrl-C, and so would this process.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
