"""Run one of our own modules in a process of its own, and end it when it does nothing for too long."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

import kolors_dagster

_LOOK_EVERY = 0.25  # seconds
# A client that waits for a server uses next to no processor; one that unpacks or converts uses a lot.
_BUSY_SHARE = 0.1


class Silence(Exception):
    """The program was ended: for `seconds` it neither wrote a byte nor worked."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"silent for {seconds:g} seconds")
        self.seconds = seconds


def run_watched(
    module: str,
    arguments: Sequence[str],
    folder: Path,
    log: IO[str],
    environment: Mapping[str, str] | None = None,
    silence: float | None = None,
    on_line: Callable[[str], None] | None = None,
) -> int:
    """Run `python -m module` in `folder`, all its output to `log`, and return its exit status.

    A carriage return ends a line too, so progress bars count as output; `on_line` gets each line. Raises
    Silence after `silence` seconds without output or work (None: never). `environment` adds to ours. The
    program and what it started are ended whatever happens here, an interrupt included.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={**os.environ, **_import_path(), **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    alive = _Alive(child.pid)
    reader = threading.Thread(target=_copy, args=(child.stdout, log, alive, on_line), daemon=True)
    reader.start()
    try:
        while child.poll() is None:
            time.sleep(_LOOK_EVERY)
            if silence is not None and alive.silent_for() > silence:
                raise Silence(silence)
        return child.returncode
    finally:
        _end(child)
        reader.join(timeout=10)
        log.flush()


def _import_path() -> dict[str, str]:
    """Let the program find this package where it was found now, installed or not."""
    root = str(Path(kolors_dagster.__file__).parents[1])
    return {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}


class _Alive:
    """When the program last gave a sign of life."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._at = time.monotonic()
        self._worked = 0.0

    def heard(self) -> None:
        self._at = time.monotonic()

    def silent_for(self) -> float:
        """Return the seconds since it last wrote or worked; to be called every _LOOK_EVERY seconds."""
        try:
            times = self._process.cpu_times()
        except psutil.Error:
            return 0.0
        worked = float(times.user + times.system)
        if worked - self._worked > _LOOK_EVERY * _BUSY_SHARE:
            self.heard()
        self._worked = worked
        return time.monotonic() - self._at


def _copy(
    stream: IO[bytes] | None, log: IO[str], alive: _Alive, on_line: Callable[[str], None] | None
) -> None:
    assert stream is not None
    rest = ""
    while chunk := os.read(stream.fileno(), 65536):
        alive.heard()
        *lines, rest = (rest + chunk.decode(errors="replace")).replace("\r", "\n").split("\n")
        for line in lines:
            log.write(line + "\n")
            if on_line and line:
                on_line(line)
    log.write(rest)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the program and everything it started: it leads a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
