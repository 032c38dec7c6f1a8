"""A project whose story is drawn, made once and copied for each test; and the daemon's ticks, one by one."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.test_utils import freeze_time

from kolors_dagster.definitions import defs as DEFINITIONS
from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster_tests.conftest import make_project

PAIR = str(pair_key("tiny", "walk"))
Requested = dict[str | None, set[str]]  # partition → assets


class Ticks:
    """The sensor `kept_up_to_date` as the daemon evaluates it, tick by tick, and the runs it asks for."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None
        self.runs: list[dg.ExecuteInProcessResult] = []
        self._repository = DEFINITIONS.get_repository_def()
        self.requests: list[dg.RunRequest] = []

    def look(self, at: datetime | None = None) -> Requested:
        """Evaluate all conditions, `at` a local time; return what is asked for, each partition in one run."""
        context = dg.build_sensor_context(self.instance, cursor=self.cursor, repository_def=self._repository)
        with freeze_time((at or datetime.now()).astimezone(UTC)):
            tick = self._repository.get_sensor_def("kept_up_to_date").evaluate_tick(context)
        self.cursor = tick.cursor
        self.requests = list(tick.run_requests or ())
        asked = {r.partition_key: {k.to_user_string() for k in r.asset_selection} for r in self.requests}
        assert len(asked) == len(self.requests)
        return asked

    def run(self) -> None:
        """Do the runs that were asked for last."""
        job = DEFINITIONS.resolve_implicit_global_asset_job_def()
        for request in self.requests:
            result = job.execute_in_process(
                instance=self.instance,
                partition_key=request.partition_key,
                asset_selection=request.asset_selection,
                tags=request.tags,
                raise_on_error=False,
            )
            self.runs.append(result)

    def until_quiet(self, at: datetime | None = None) -> list[Requested]:
        """Look and run until nothing is asked for twice in a row; return what was, in order."""
        asked, quiet = [], 0
        while quiet < 2:
            requested = self.look(at)
            quiet = 0 if requested else quiet + 1
            if requested:
                asked.append(requested)
                self.run()
        return asked


@pytest.fixture(scope="session")
def drawn_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as patch:
        make_project(folder, patch)
        instance = open_instance()
        for job, partition in (
            ("prepare_base_model", None),
            ("train_style", "tiny"),
            ("write_story", "walk"),
            ("draw_story", PAIR),
        ):
            done = DEFINITIONS.resolve_job_def(job).execute_in_process(
                instance=instance, partition_key=partition
            )
            assert done.success, job
        instance.dispose()
    yield folder


@pytest.fixture
def project(drawn_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the data root of a project whose story `walk` is drawn in the style `tiny`."""
    shutil.copytree(drawn_once / "home", tmp_path / "home")
    shutil.copytree(drawn_once / "data", tmp_path / "data", ignore=shutil.ignore_patterns("assets"))
    # Files are only ever replaced whole, so links to the first project's outputs are safe.
    shutil.copytree(drawn_once / "data" / "assets", tmp_path / "data" / "assets", copy_function=os.link)
    monkeypatch.setenv("KOLORS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KOLORS_MODEL", raising=False)
    return tmp_path / "data"


@pytest.fixture
def ticks(project: Path) -> Ticks:
    return Ticks(open_instance())


def edit(path: Path, **changes: object) -> None:
    """Change top-level fields of a YAML file."""
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(
        yaml.safe_dump({**spec, **changes}, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )


def edit_panel(root: Path, number: int, **changes: object) -> None:
    """Change fields of one panel of the story `walk`."""
    path = root / "stories" / "walk.yaml"
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec["panels"][number - 1].update(changes)
    path.write_text(yaml.safe_dump(spec, allow_unicode=True, sort_keys=False), encoding="utf-8")
