"""Two styles, two stories and one retraining on a real instance, for every question one may ask of them."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from kolors_dagster.cli.app import app
from kolors_dagster.definitions import defs
from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.defs.update import Updater
from kolors_dagster_tests.conftest import STORY, STYLE, draw_picture, write_spec


@dataclass
class World:
    """A project in which `ink` was trained again and only `walk` drawn anew since."""

    root: Path
    old: Path
    """The grid of walk in ink, as it was copied away before the retraining."""
    instance: dg.DagsterInstance


def sha256(path: Path | str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def run(instance: dg.DagsterInstance, job: str, partition: str, *assets: str) -> dg.DagsterRun:
    """Run a job as the Launchpad does: a partition, maybe some of its assets, no tags."""
    result = defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=partition,
        asset_selection=[dg.AssetKey(asset) for asset in assets] or None,
        run_config={"loggers": {"brief": {}}},
    )
    made = instance.get_run_by_id(result.run_id)
    assert result.success and made is not None
    return made


def update(instance: dg.DagsterInstance, style: str, story: str) -> list[str]:
    updater = Updater(defs, instance, lambda job, wave: None)
    updater.update_story(style, story)
    return updater.materialized


def ask(*arguments: str) -> dict[str, Any]:
    return json.loads(tell(*arguments, "--json"))


def tell(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    if result.exception:
        raise result.exception
    return result.stdout


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    base = tmp_path_factory.mktemp("lineage")
    root = base / "data"
    for style, first in (("ink", 0), ("oil", 4)):
        pictures = root / "pictures" / style
        pictures.mkdir(parents=True)
        for number in range(first, first + 3):
            draw_picture(pictures / f"{number}.png", 64, number)
        (pictures / "broken.jpg").write_bytes(b"not a picture")
        source = {"kind": "folder", "path": f"pictures/{style}"}
        write_spec(
            root / "styles" / f"{style}.yaml", {**STYLE, "name": style, "source": source, "process": []}
        )
    rain = [{**panel, "prompt": panel["prompt"].replace("街", "雨中的街")} for panel in STORY["panels"][:7]]  # type: ignore[index]
    write_spec(root / "stories" / "walk.yaml", STORY)
    # Panel 8 is the same in both stories, so that the second is taken from the store.
    write_spec(
        root / "stories" / "rain.yaml", {**STORY, "name": "rain", "panels": [*rain, STORY["panels"][7]]}
    )  # type: ignore[index]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KOLORS_DATA", str(root))
        patch.setenv("DAGSTER_HOME", str(base / "home"))
        patch.delenv("KOLORS_MODEL", raising=False)
        instance = open_instance()
        for job, partition in (
            ("write_story", "walk"),
            ("write_story", "rain"),
            ("train_style", "ink"),
            ("draw_story", pair_key("ink", "walk")),
            ("train_style", "oil"),
            ("draw_story", pair_key("oil", "rain")),
            ("draw_story", pair_key("ink", "rain")),
        ):
            run(instance, job, partition)
        old = base / "elsewhere"
        shutil.copytree(root / "assets" / "story_grid" / "ink" / "walk", old)
        draw_picture(root / "pictures" / "ink" / "new.png", 64, 9)
        run(instance, "train_style", "ink")
        run(instance, "draw_story", pair_key("ink", "walk"))
        yield World(root, old, instance)


def source_of(
    instance: dg.DagsterInstance, record: dg.EventLogRecord, asset: str, partition: str | None
) -> dg.EventLogRecord:
    """Find what a materialization was made of by the data version that Dagster noted with it."""
    tags = record.asset_materialization.tags  # type: ignore[union-attr]
    noted = tags[f"dagster/input_data_version/{asset}"]  # type: ignore[index]
    wanted = dg.AssetRecordsFilter(
        dg.AssetKey(asset),
        asset_partitions=[partition] if partition else None,
        before_storage_id=record.storage_id,
    )
    latest = instance.fetch_materializations(wanted, limit=1).records[0]
    version = data_version(latest)
    assert noted == (hashlib.sha256(version.encode()).hexdigest() if partition else version)
    return latest


def newest(instance: dg.DagsterInstance, asset: str, partition: str) -> dg.EventLogRecord:
    wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[partition])
    return instance.fetch_materializations(wanted, limit=1).records[0]


def data_version(record: dg.EventLogRecord) -> str:
    return record.asset_materialization.tags["dagster/data_version"]  # type: ignore[union-attr,index]
