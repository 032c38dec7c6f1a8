"""Drafts through the command line and the real assets: cheap, marked, never in a final picture's place."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from sd_parsers import ParserManager
from typer.testing import CliRunner

from kolors_dagster.cli.app import app
from kolors_dagster.definitions import defs
from kolors_dagster.defs.history import History, Made
from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.keys import PANEL_KEYS
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.files import read_json
from kolors_dagster.story.provenance import read_any_record, read_record
from kolors_dagster_tests.conftest import make_project
from kolors_dagster_tests.defs.dagster_says import all_states, check_agreement
from kolors_dagster_tests.defs.model_calls import counted_calls

STEPS, DRAFT_STEPS, GUIDED, PANELS = 10, 4, 2, 8
FINAL_NAMES = ["all.png", "all.jpg", "story.png"]
DRAFT_NAMES = ["all.draft.png", "all.draft.jpg", "story.draft.png"]
PAIR = pair_key("tiny", "walk")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with a project whose story is drawn, in final: `data`, and Dagster's `home`."""
    folder = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as patch:
        root = make_project(folder, patch)
        edit_sampling(root, steps=STEPS)
        tell("story", "walk", "--style", "tiny")
    return folder


@pytest.fixture
def project(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, variable in (("data", "KOLORS_DATA"), ("home", "DAGSTER_HOME")):
        shutil.copytree(drawn / name, tmp_path / name)
        monkeypatch.setenv(variable, str(tmp_path / name))
    monkeypatch.delenv("KOLORS_MODEL", raising=False)
    return tmp_path / "data"


def tell(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    if result.exception:
        raise result.exception
    return result.stdout


def draw(*options: str) -> tuple[int, list[str]]:
    """Draw the story; return how many rows went through the UNet, and the names of the files told."""
    with counted_calls() as calls:
        said = tell("story", "walk", "--style", "tiny", *options)
    return calls["unet"], [Path(line).name for line in said.splitlines()]


def edit_sampling(root: Path, **changes: object) -> None:
    path = root / "stories" / "walk.yaml"
    story = yaml.safe_load(path.read_text(encoding="utf-8"))
    story["sampling"].update(changes)
    path.write_text(yaml.safe_dump(story, allow_unicode=True), encoding="utf-8")


def run(job: str, partition: str, *assets: str, config: dict[str, Any] | None = None) -> None:
    """Run some assets of a job as the Launchpad does."""
    assert (
        defs.resolve_job_def(job)
        .execute_in_process(
            instance=open_instance(),
            partition_key=partition,
            asset_selection=[dg.AssetKey(asset) for asset in assets],
            run_config={"ops": {assets[0]: {"config": config}}} if config else None,
        )
        .success
    )


def pictures(root: Path) -> dict[str, bytes]:
    """Return the files of the story's panels and grid."""
    folders = (root / "assets" / asset / "tiny" / "walk" for asset in ("panels", "story_grid"))
    return {path.name: path.read_bytes() for folder in folders for path in folder.iterdir()}


def recipe(root: Path) -> dict[str, Any]:
    return read_json(root / "assets" / "sampling_recipe" / "walk" / "recipe.json")


def newest(asset: str) -> Made:
    made = History(open_instance()).newest(asset, str(PAIR))
    assert made is not None
    return made


def drafts() -> list[str]:
    """Return the assets that `status` says to be drafts, after making sure that all is up to date."""
    states = json.loads(tell("status", "walk", "--style", "tiny", "--json"))["assets"]
    assert {state["status"] for state in states} == {"fresh"}
    return [state["key"] for state in states if state["draft"]]


def test_a_draft_is_cheap_and_the_final_pictures_are_there_again_at_once(project: Path) -> None:
    final, versions = pictures(project), [newest(key).data_version for key in (*PANEL_KEYS, "story_grid")]
    assert draw("--draft") == (DRAFT_STEPS * GUIDED * PANELS, DRAFT_NAMES)
    both = pictures(project)
    assert {name: both[name] for name in final} == final
    assert both.keys() - final.keys() == {*DRAFT_NAMES, *(f"{n}.draft.png" for n in range(1, PANELS + 1))}
    assert drafts() == ["sampling_recipe", *PANEL_KEYS, "story_grid"]
    assert draw("--draft") == (0, DRAFT_NAMES)

    assert draw() == (0, FINAL_NAMES)  # every picture comes from the store
    assert pictures(project) == final  # to the byte, and the drafts are gone
    assert drafts() == []
    assert [newest(key).data_version for key in (*PANEL_KEYS, "story_grid")] == versions
    assert draw() == (0, FINAL_NAMES)
    assert draw("--draft") == (0, DRAFT_NAMES)


def test_a_draft_says_in_every_place_that_it_is_one(project: Path) -> None:
    draw("--draft")
    panels, grid = (project / "assets" / asset / "tiny" / "walk" for asset in ("panels", "story_grid"))
    final, draft = (read_record(panels / name) for name in ("3.png", "3.draft.png"))
    assert (final["draft"], draft["draft"]) == (False, True)
    assert draft["recipe"] == final["recipe"] | {"steps": DRAFT_STEPS, "draft": True}
    found = ParserManager().parse(panels / "3.draft.png")
    assert found is not None
    assert (found.metadata["Draft"], found.samplers[0].parameters["steps"]) == ("true", str(DRAFT_STEPS))
    for name in DRAFT_NAMES:
        assert read_any_record(grid / name)["draft"] is True
    for name in FINAL_NAMES:
        assert read_any_record(grid / name)["draft"] is False
    for asset in ("panel_3", "story_grid"):
        assert newest(asset).metadata["draft"] is True
    assert newest("panel_3").data_version == f"{draft['pixels_sha256']}-draft"
    assert "fresh (draft)" in tell("status", "walk", "--style", "tiny")
    assert tell("status", "walk").split("walk", 1)[1].split() == ["fresh", "(draft)", "fresh", "(draft)"]
    check_agreement(open_instance(), defs, all_states(open_instance(), defs, "tiny", "walk"))


def test_who_drew_it_is_told_of_the_draft_and_of_the_final_picture_below(project: Path) -> None:
    final = project / "assets" / "story_grid" / "tiny" / "walk" / "all.png"
    draw("--draft")
    told = json.loads(tell("lineage", "walk", "--style", "tiny", "--json"))
    assert told["picture"]["path"] == str(final.with_name("all.draft.png")) and told["picture"]["draft"]
    assert told["log"] == {"state": "agrees", "differences": [], "superseded": False}
    assert [Path(panel["path"]).name for panel in told["panels"]] == [f"{n}.draft.png" for n in range(1, 9)]
    assert f"{DRAFT_STEPS} steps · guidance 4 · 64×64 · draft" in tell("lineage", "walk", "--style", "tiny")
    told = json.loads(tell("lineage", str(final), "--json"))
    assert told["log"] == {"state": "agrees", "differences": [], "superseded": True}
    assert not told["picture"]["draft"]
    assert [Path(panel["path"]).name for panel in told["panels"]] == [f"{n}.png" for n in range(1, 9)]
    drew = json.loads(tell("lineage", "--lora", told["loras"][0]["sha256"], "--json"))["loras"][0]["stories"]
    assert [(story["current"], story["path"]) for story in drew] == [(True, str(final))]


def test_a_draft_stays_until_the_final_pictures_are_asked_for_or_the_file_changes(project: Path) -> None:
    draw("--draft")
    tell("up")
    assert len(drafts()) == 1 + PANELS + 1
    edit_sampling(project, guidance_scale=3.0)
    tell("up")
    assert drafts() == [] and recipe(project)["draft"] is False
    assert draw("--draft")[1] == DRAFT_NAMES
    edit_sampling(project, guidance_scale=5.0)
    assert draw("--draft") == (DRAFT_STEPS * GUIDED * PANELS, DRAFT_NAMES)


def test_what_was_changed_in_the_launchpad_survives_a_draft(project: Path) -> None:
    run("write_story", "walk", "sampling_recipe", config={"lora_weight": 0.5})
    draw("--draft")
    assert (recipe(project)["lora_weight"], recipe(project)["draft"]) == (0.5, True)
    draw()
    assert (recipe(project)["lora_weight"], recipe(project)["draft"]) == (0.5, False)


def test_a_story_whose_file_says_draft_is_one_unless_the_launchpad_says_not(project: Path) -> None:
    edit_sampling(project, draft=True)
    assert draw()[1] == DRAFT_NAMES
    assert draw() == (0, DRAFT_NAMES)
    run("write_story", "walk", "sampling_recipe", config={"draft": False})
    assert draw() == (0, FINAL_NAMES)
    assert draw("--draft") == (0, DRAFT_NAMES)


def test_with_one_draft_among_them_the_page_is_a_draft(project: Path) -> None:
    final = pictures(project)
    run("write_story", "walk", "sampling_recipe", config={"draft": True})
    run("draw_story", PAIR, "panel_3", "story_grid")
    both = pictures(project)
    assert {name: both[name] for name in final} == final
    record = read_record(project / "assets" / "story_grid" / "tiny" / "walk" / "all.draft.png")
    assert [panel["draft"] for panel in record["panels"]] == [False] * 2 + [True] + [False] * 5
    assert record["draft"] is True


def test_a_lost_draft_is_missing_though_the_final_picture_is_there(project: Path) -> None:
    draw("--draft")
    lost = project / "assets" / "panels" / "tiny" / "walk" / "3.draft.png"
    drawn = lost.read_bytes()
    lost.unlink()
    states = all_states(open_instance(), defs, "tiny", "walk")
    assert [(state.key, state.causes) for state in states if state.status != "fresh"] == [
        ("panel_3", (f"{lost} is gone",))
    ]
    assert draw("--draft") == (0, DRAFT_NAMES)
    assert lost.read_bytes() == drawn


def test_the_final_page_is_made_even_where_its_panels_are_those_of_the_draft(project: Path) -> None:
    edit_sampling(project, steps=1)  # of which there is no third
    assert draw("--draft") == (GUIDED * PANELS, DRAFT_NAMES)
    drafted = read_record(project / "assets" / "panels" / "tiny" / "walk" / "1.draft.png")
    assert draw() == (GUIDED * PANELS, FINAL_NAMES)
    record = read_record(project / "assets" / "story_grid" / "tiny" / "walk" / "all.png")
    assert record["panels"][0]["recipe"]["steps"] == 1
    assert record["panels"][0]["pixels_sha256"] == drafted["pixels_sha256"]
    assert drafts() == []
