"""A project of many drawn styles and stories; what `status`, `up` and the daemon cost when nothing is to do.

    python -m benchmarks.many_stories --home DIR --data DIR [--styles 4] [--stories 50]

One story is really drawn in one style, at 64 × 64 pixels by a LoRA of two steps, in real runs. The other
styles and stories are copies of its two files under other names: their outputs are links to its outputs, and
their materializations are its events, reported with the partition and the event pointers they would have. So
Dagster sees real events with the right versions, and nothing is drawn twice.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from kolors_dagster.definitions import defs
from kolors_dagster.defs.keys import MODEL_ASSETS, PICTURE_ASSETS, STORY_ASSETS, STYLE_ASSETS
from kolors_dagster.defs.outputs import output_folder
from kolors_dagster.defs.partitions import pair_key, sync_partitions
from kolors_dagster.paths import PROJECT_ROOT

_POINTER = "dagster/input_event_pointer/"


def build(home: Path, data: Path, styles: int, stories: int) -> dg.DagsterInstance:
    """Make the project in `data` and its event log in `home`; sets KOLORS_DATA and DAGSTER_HOME to them."""
    os.environ |= {"KOLORS_DATA": str(data), "DAGSTER_HOME": str(home)}
    style_names = [f"style-{number}" for number in range(1, styles + 1)]
    story_names = [f"story-{number:02}" for number in range(1, stories + 1)]
    _write_specs(data, style_names[:1], story_names[:1])
    _run_cli("story", story_names[0], "--style", style_names[0])
    _write_specs(data, style_names, story_names)
    instance = dg.DagsterInstance.get()
    sync_partitions(instance)
    _Copier(instance).copy(style_names, story_names)
    return instance


def _write_specs(data: Path, styles: list[str], stories: list[str]) -> None:
    style = _read(PROJECT_ROOT / "data" / "styles" / "anime.yaml")
    style["source"]["count"] = 6
    style["training"] |= {"steps": 2, "rank": 2, "resolution": 64}
    story = _read(PROJECT_ROOT / "data" / "stories" / "star-wish.yaml")
    story["sampling"] |= {"steps": 1, "width": 64, "height": 64}
    for folder, names, spec in (("styles", styles, style), ("stories", stories, story)):
        (data / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            text = yaml.safe_dump({**spec, "name": name}, allow_unicode=True, sort_keys=False)
            (data / folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


class _Copier:
    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.pointers: dict[tuple[str, str | None], str] = {}

    def copy(self, styles: list[str], stories: list[str]) -> None:
        for asset in MODEL_ASSETS:
            self._note(asset, None)
        for asset in STYLE_ASSETS:
            for style in styles:
                self._materialize(asset, (styles[0],), (style,))
        for asset in STORY_ASSETS:
            for story in stories:
                self._materialize(asset, (stories[0],), (story,))
        for asset in PICTURE_ASSETS:
            for style in styles:
                for story in stories:
                    self._materialize(asset, (styles[0], stories[0]), (style, story))

    def _materialize(self, asset: str, source: tuple[str, ...], target: tuple[str, ...]) -> None:
        """Report the event of `source` for `target` too: (style,), (story,) or (style, story)."""
        partition = _partition(target)
        if source != target:
            made = self._latest(asset, _partition(source)).asset_materialization
            assert made is not None
            parents = [tag.removeprefix(_POINTER) for tag in made.tags or {} if tag.startswith(_POINTER)]
            pointers = {_POINTER + parent: self._pointer(parent, target) for parent in parents}
            tags = {
                key: tag for key, tag in (made.tags or {}).items() if not key.startswith("dagster/partition")
            }
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    asset, metadata=made.metadata, partition=partition, tags=tags | pointers
                )
            )
            _link(output_folder(asset, *source), output_folder(asset, *target))
        self._note(asset, partition)

    def _pointer(self, parent: str, target: tuple[str, ...]) -> str:
        keys = [None, *target, _partition(target)]  # of the parent: none, style, story or both
        return next(self.pointers[parent, key] for key in keys if (parent, key) in self.pointers)

    def _note(self, asset: str, partition: str | None) -> None:
        self.pointers[asset, partition] = str(self._latest(asset, partition).storage_id)

    def _latest(self, asset: str, partition: str | None) -> dg.EventLogRecord:
        wanted = dg.AssetRecordsFilter(
            dg.AssetKey(asset), asset_partitions=[partition] if partition else None
        )
        return self.instance.fetch_materializations(wanted, limit=1).records[0]


def _partition(target: tuple[str, ...]) -> str:
    return pair_key(*target) if len(target) == 2 else target[0]


def _link(source: Path, target: Path) -> None:
    for file in source.rglob("*"):
        copy = target / file.relative_to(source)
        if file.is_file() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, copy)


def _run_cli(*arguments: str) -> str:
    command = [sys.executable, "-m", "kolors_dagster.cli", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT).stdout


def measure() -> Iterator[tuple[str, float]]:
    """Yield what each command took, in seconds, process start included; the best of three."""
    for arguments in (("status", "--all"), ("up",), ("up", "--all")):
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            _run_cli(*arguments)
            seconds.append(time.perf_counter() - start)
        yield " ".join(arguments), min(seconds)


def measure_daemon(instance: dg.DagsterInstance) -> Iterator[tuple[str, float]]:
    """Yield what a look of the daemon takes, in seconds: the first, and the best of three later ones."""
    repository = defs.get_repository_def()
    sensor, cursor, seconds = repository.get_sensor_def("kept_up_to_date"), None, []
    for _ in range(4):
        context = dg.build_sensor_context(instance, cursor=cursor, repository_def=repository)
        start = time.perf_counter()
        cursor = sensor.evaluate_tick(context).cursor
        seconds.append(time.perf_counter() - start)
    yield "first look of the daemon", seconds[0]
    yield "later look of the daemon", min(seconds[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, required=True, help="a folder for Dagster's event log")
    parser.add_argument("--data", type=Path, required=True, help="a folder for files and outputs")
    parser.add_argument("--styles", type=int, default=4)
    parser.add_argument("--stories", type=int, default=50)
    options = parser.parse_args()
    home, data = options.home.resolve(), options.data.resolve()
    if not (data / "stories").exists():  # else it is there from an earlier call, and only measured
        start = time.perf_counter()
        build(home, data, options.styles, options.stories)
        shape = f"{options.styles} styles × {options.stories} stories"
        print(f"{shape} built in {time.perf_counter() - start:.0f} s")
    os.environ |= {"KOLORS_DATA": str(data), "DAGSTER_HOME": str(home)}
    for what, seconds in (*measure(), *measure_daemon(dg.DagsterInstance.get())):
        print(f"{what:<25}{seconds:6.2f} s")


if __name__ == "__main__":
    main()
