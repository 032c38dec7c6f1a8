"""What `gc` frees after a retraining, tried on a copy of the world."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from kolors_dagster.defs.instance import open_instance
from kolors_dagster.errors import UserError
from kolors_dagster_tests.cli.lineage.conftest import World, ask, sha256, tell, update


@pytest.fixture(scope="module")
def world(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    base, copy = world.root.parent, tmp_path_factory.mktemp("gc")
    for folder in ("home", "data", world.old.name):
        shutil.copytree(base / folder, copy / folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KOLORS_DATA", str(copy / "data"))
        patch.setenv("DAGSTER_HOME", str(copy / "home"))
        yield World(copy / "data", copy / world.old.name, open_instance())


def test_gc_frees_what_the_retraining_left_and_nothing_current(world: World) -> None:
    old = ask("lineage", str(world.old / "all.png"))
    (world.root / "assets" / ".all.4194304.png").write_bytes(b"half")  # no process has this number
    kept = {
        path: sha256(path)
        for folder in ("panels", "story_grid", "lora_checkpoint")
        for path in (world.root / "assets" / folder).rglob("*")
        if path.is_file()
    }
    planned = tell("gc", "--keep", "0", "--dry-run")
    assert Path(old["panels"][0]["path"]).is_file()
    done = tell("gc", "--keep", "0")
    assert done == planned.replace("would free", "freed")
    # Seven old panels of walk, but not the eighth, which rain shows too; its LoRA drew rain, and stays.
    assert done.count("old panel") == 7 and "in 8 places" in done and "old LoRA" not in done
    assert {path: sha256(path) for path in kept} == kept
    for style, story in (("ink", "walk"), ("ink", "rain"), ("oil", "rain")):
        assert ask("lineage", story, "--style", style)["log"]["state"] == "agrees"
    again = ask("lineage", str(world.old / "all.png"))
    assert [panel["path"] is None for panel in again["panels"]] == [True] * 7 + [False]
    assert again["log"] == old["log"] and again["loras"] == old["loras"]
    assert update(world.instance, "ink", "walk") == []
    assert tell("gc", "--keep", "0") == "nothing to free\n"


def test_gc_keeps_away_from_a_run(world: World) -> None:
    started = dg.DagsterRun(job_name="draw_story", status=dg.DagsterRunStatus.STARTED)
    world.instance.add_run(started)
    with pytest.raises(UserError, match=f"run {started.run_id} .draw_story. is at work"):
        tell("gc")
    assert tell("gc", "--dry-run") == "nothing to free\n"
    world.instance.delete_run(started.run_id)
