"""A small project of its own for a test: styles, stories, a Dagster home, all in a temporary folder."""

import os
from pathlib import Path
from typing import Any

# Before anything imports torch, here or in a process a test starts: the tests share the cores.
os.environ["OMP_NUM_THREADS"] = "1"

import dagster as dg
import pytest
import sqlalchemy
import yaml
from PIL import Image, ImageDraw
from xdist.scheduler import LoadFileScheduling

from kolors_dagster.defs.instance import open_instance

STYLE = {
    "name": "tiny",
    "trigger_words": "二次元",
    "source": {"kind": "folder", "path": "pictures/tiny"},
    "process": [{"image_shape_filter": {"min_width": 48, "min_height": 48, "any_or_all": "all"}}],
    "training": {
        "steps": 3,
        "batch_size": 1,
        "rank": 2,
        "resolution": 64,
        "checkpoint_every": 2,
        "target_modules": ["to_q", "to_k", "to_v", "to_out.0"],
    },
}
STORY = {
    "name": "walk",
    "title": "散步",
    "characters": {"女孩": "一个紫色短发的女孩"},
    "negative_prompt": "模糊",
    "sampling": {"steps": 2, "width": 64, "height": 64},
    "panels": [{"prompt": f"{{女孩}}走过第{n}条街", "caption": f"第{n}条街。"} for n in range(1, 8)]
    + [{"prompt": "空无一人的街", "caption": "她回家了。"}],
}


class _ScheduleFiles(LoadFileScheduling):
    """Gives the tests of a file to one process, and those of `cli/lineage`, which share a slow fixture."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        folder = file.rpartition("/")[0]
        return folder if folder.endswith("cli/lineage") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Do so where `--dist loadfile` is asked for."""
    return _ScheduleFiles(config, log) if config.getoption("dist") == "loadfile" else None


@sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect")
def skip_waiting_for_the_disk(connection: Any, _: object) -> None:
    """A test writes to Dagster's databases hundreds of times, and they need not outlive a power failure."""
    connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the data root of a project with the style `tiny` and the story `walk`, both quick to make."""
    return make_project(tmp_path, monkeypatch)


@pytest.fixture
def instance(project: Path) -> dg.DagsterInstance:
    """Return the Dagster instance of `project`, on disk, with the project's dagster.yaml in force."""
    return open_instance()


def make_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write that project to `folder`, with Dagster's home beside the data, and use both from here on."""
    root = folder / "data"
    write_spec(root / "styles" / "tiny.yaml", STYLE)
    write_spec(root / "stories" / "walk.yaml", STORY)
    pictures = root / "pictures" / "tiny"
    pictures.mkdir(parents=True)
    for number in range(4):
        draw_picture(pictures / f"{number}.png", 64, number)
    draw_picture(pictures / "small.png", 40, 9)
    (pictures / "broken.jpg").write_bytes(b"not a picture")
    monkeypatch.setenv("KOLORS_DATA", str(root))
    monkeypatch.setenv("DAGSTER_HOME", str(folder / "home"))
    monkeypatch.delenv("KOLORS_MODEL", raising=False)
    return root


def write_spec(path: Path, spec: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(spec, allow_unicode=True, sort_keys=False), encoding="utf-8")


def draw_picture(path: Path, side: int, number: int) -> None:
    image = Image.new("RGB", (side, side), (40 * number % 255, 90, 200))
    ImageDraw.Draw(image).ellipse((8, 8, side - 8, side - 8 - number), fill=(250, 40 * number % 255, 60))
    image.save(path)
