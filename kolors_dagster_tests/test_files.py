import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kolors_dagster.errors import UserError
from kolors_dagster.files import (
    join_inside,
    read_json,
    restore_folder,
    write_json,
    write_whole_file,
    write_whole_folder,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"wish": "星"})
    with pytest.raises(RuntimeError), write_whole_file(path) as aside:
        aside.write_text("half")
        raise RuntimeError
    assert read_json(path) == {"wish": "星"}
    assert [p.name for p in tmp_path.iterdir()] == ["value.json"]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with write_whole_folder(path) as aside:
        (aside / "old").touch()
    with write_whole_folder(path) as aside:
        (aside / "new").touch()
    assert [p.name for p in path.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with write_whole_folder(path) as aside:
        (aside / "old").touch()
    with pytest.raises(RuntimeError), write_whole_folder(path) as aside:
        (aside / "new").touch()
        raise RuntimeError
    assert [p.name for p in path.iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_killed_between_the_two_renames_comes_back(tmp_path: Path) -> None:
    script = """
import os, signal, sys
from pathlib import Path
from kolors_dagster.files import write_whole_folder
path = Path(sys.argv[1])
replace = Path.replace
def die_at_second_rename(self, target):
    if target == path:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
with write_whole_folder(path) as aside:
    (aside / "new").touch()
    Path.replace = die_at_second_rename
"""
    path = tmp_path / "out"
    with write_whole_folder(path) as aside:
        (aside / "old").touch()
    killed = subprocess.run([sys.executable, "-c", script, str(path)], env={**os.environ})
    assert killed.returncode == -signal.SIGKILL
    assert not path.exists()
    restore_folder(path)
    assert [p.name for p in path.iterdir()] == ["old"]


@pytest.mark.parametrize("part", ["../x", "/etc/passwd", "a/../../x"])
def test_no_path_leaves_its_root(tmp_path: Path, part: str) -> None:
    with pytest.raises(UserError, match="outside"):
        join_inside(tmp_path, part)
    assert join_inside(tmp_path, "a", "b") == tmp_path / "a" / "b"
