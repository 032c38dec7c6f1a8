"""A program is watched by what it writes and how it works, and ends with its children."""

import io
import time

import psutil
import pytest

from kolors_dagster.dataset.watchdog import Silence, run_watched


@pytest.fixture
def run(tmp_path, monkeypatch):
    def run(code, **options):
        (tmp_path / "watched_program.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        log = io.StringIO()
        try:
            return run_watched("watched_program", ["an argument"], tmp_path, log, **options), log.getvalue()
        except Silence:
            return "silence", log.getvalue()

    return run


def test_status_output_and_lines(run):
    lines = []
    code = "import sys\nprint('a\\rb', sys.argv[1], end='', flush=True)\nsys.exit(3)"
    assert run(code, on_line=lines.append, environment={"X": "1"}) == (3, "a\nb an argument")
    assert lines == ["a"]


def test_a_silent_program_is_ended_with_its_children(run, tmp_path):
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\ntime.sleep(60)"
    )
    status, output = run(code, silence=1.5)
    assert status == "silence"
    child = int(output)
    for _ in range(50):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    pytest.fail("the child of the watched program lives on")


def test_work_without_a_word_is_no_silence(run):
    code = "import time\nend = time.process_time() + 1.5\nwhile time.process_time() < end: pass"
    assert run(code, silence=0.9) == (0, "")
