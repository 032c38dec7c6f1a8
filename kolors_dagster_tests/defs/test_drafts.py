"""Drafts through the command line and the real assets: cheap, marked, never in a final picture's place."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from sd_parsers import ParserManager
from typer.testing import CliRunner

from kolors_dagster.cli.app import app
from kolors_dagster.definitions import defs
from kolors_dagster.defs.drafts import ask_for_draft, configure_recipe
from kolors_dagster.defs.freshness import AssetState
from kolors_dagster.defs.history import History, Made
from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.keys import PANEL_KEYS
from kolors_dagster.defs.outputs import output_file
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.files import read_json, write_json
from kolors_dagster.specs import SamplingRecipe
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


@pytest.fixture(scope="module")
def drafted(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return such a folder in which the story was then drawn as a draft."""
    folder = tmp_path_factory.mktemp("drafted")
    with pytest.MonkeyPatch.context() as patch:
        copy(drawn, folder, patch)
        tell("story", "walk", "--style", "tiny", "--draft")
    return folder


@pytest.fixture
def project(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copy(drawn, tmp_path, monkeypatch)


@pytest.fixture
def draft_project(drafted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copy(drafted, tmp_path, monkeypatch)


def copy(folder: Path, target: Path, patch: pytest.MonkeyPatch) -> Path:
    """Copy a project, use the copy from here on, and return its data root."""
    for name, variable in (("data", "KOLORS_DATA"), ("home", "DAGSTER_HOME")):
        shutil.copytree(folder / name, target / name)
        patch.setenv(variable, str(target / name))
    patch.delenv("KOLORS_MODEL", raising=False)
    return target / "data"


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

    lost = project / "assets" / "panels" / "tiny" / "walk" / "3.draft.png"
    lost.unlink()  # the final picture beside it does not stand in for it
    states = all_states(open_instance(), defs, "tiny", "walk")
    gone = [(state.key, state.causes) for state in states if state.status != "fresh"]
    assert gone == [("panel_3", (f"{lost} is gone",))]
    assert draw("--draft") == (0, DRAFT_NAMES)
    assert pictures(project) == both

    assert draw() == (0, FINAL_NAMES)  # every picture comes from the store
    assert pictures(project) == final  # to the byte, and the drafts are gone
    assert drafts() == []
    assert [newest(key).data_version for key in (*PANEL_KEYS, "story_grid")] == versions
    assert draw() == (0, FINAL_NAMES)


def test_a_draft_says_in_every_place_that_it_is_one(draft_project: Path) -> None:
    panels, grid = (draft_project / "assets" / asset / "tiny" / "walk" for asset in ("panels", "story_grid"))
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
    row = tell("status", "walk").splitlines()[2].split()
    assert row == ["walk", *["fresh", "(draft)"] * 2]
    check_agreement(open_instance(), defs, all_states(open_instance(), defs, "tiny", "walk"))


def test_lineage_tells_of_the_draft_and_of_the_final_picture_beside_it(draft_project: Path) -> None:
    final = draft_project / "assets" / "story_grid" / "tiny" / "walk" / "all.png"
    told = json.loads(tell("lineage", "walk", "--style", "tiny", "--json"))
    assert told["picture"]["path"] == str(final.with_name("all.draft.png")) and told["picture"]["draft"]
    assert told["log"] == {"state": "agrees", "differences": [], "superseded": False}
    assert [Path(panel["path"]).name for panel in told["panels"]] == [f"{n}.draft.png" for n in range(1, 9)]
    drawn = f"{DRAFT_STEPS} steps · guidance 4 (at first 2) · 64×64 · draft"
    assert drawn in tell("lineage", "walk", "--style", "tiny")
    told = json.loads(tell("lineage", str(final), "--json"))
    assert told["log"] == {"state": "agrees", "differences": [], "superseded": True}
    assert not told["picture"]["draft"]
    assert [Path(panel["path"]).name for panel in told["panels"]] == [f"{n}.png" for n in range(1, 9)]
    drew = json.loads(tell("lineage", "--lora", told["loras"][0]["sha256"], "--json"))["loras"][0]["stories"]
    assert [(story["current"], story["path"]) for story in drew] == [(True, str(final))]


def test_others_leave_a_draft_alone_until_the_file_changes(draft_project: Path) -> None:
    tell("up")
    assert len(drafts()) == 1 + PANELS + 1
    edit_sampling(draft_project, guidance_scale=3.0)
    tell("up")
    assert drafts() == [] and recipe(draft_project)["draft"] is False
    edit_sampling(draft_project, guidance_scale=5.0)  # asked for at the same time
    assert draw("--draft") == (DRAFT_STEPS * GUIDED * PANELS, DRAFT_NAMES)


def test_a_story_whose_file_says_draft_is_one_unless_the_launchpad_says_not(draft_project: Path) -> None:
    edit_sampling(draft_project, draft=True)
    assert draw() == (0, DRAFT_NAMES)
    run("write_story", "walk", "sampling_recipe", config={"draft": False})
    assert draw() == (0, FINAL_NAMES)


def test_with_one_draft_among_them_the_page_is_a_draft(project: Path) -> None:
    final = pictures(project)
    run("write_story", "walk", "sampling_recipe", config={"draft": True})
    run("draw_story", PAIR, "panel_3", "story_grid")
    both = pictures(project)
    assert {name: both[name] for name in final} == final
    record = read_record(project / "assets" / "story_grid" / "tiny" / "walk" / "all.draft.png")
    assert [panel["draft"] for panel in record["panels"]] == [False] * 2 + [True] + [False] * 5
    assert record["draft"] is True


FRESH = AssetState("sampling_recipe", "walk", "fresh", ())


@pytest.mark.parametrize(
    ("file_says", "is_draft", "asked", "changes"),
    [
        (False, False, False, False),
        (False, False, True, True),
        (False, True, False, True),
        (False, True, True, False),
        (True, True, False, False),
        (True, False, False, False),  # the Launchpad said otherwise
        (True, False, True, True),
    ],
)
def test_the_recipe_changes_when_another_is_asked_for(
    file_says: bool, is_draft: bool, asked: bool, changes: bool
) -> None:
    sampling, caption = SamplingRecipe(draft=file_says), AssetState("captions", "walk", "fresh", ())
    states = ask_for_draft([replace(FRESH, draft=is_draft), caption], sampling, asked)
    assert [state.status for state in states] == ["stale" if changes else "fresh", "fresh"]
    changed_file = replace(FRESH, status="stale", causes=("x",), draft=is_draft)
    assert ask_for_draft([changed_file], sampling, asked) == [changed_file]


def test_what_was_changed_in_the_launchpad_survives_a_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOLORS_DATA", str(tmp_path))
    said = SamplingRecipe(steps=9)

    def configure(is_draft: bool, asked: bool, **changed: object) -> dict[str, Any]:
        made = said.model_dump() | {"lora_weight": 0.5, "draft": is_draft}
        write_json(output_file("sampling_recipe", "walk"), made)
        wave = ask_for_draft([replace(FRESH, draft=is_draft, **changed)], said, asked)  # type: ignore[arg-type]
        return configure_recipe(wave, "walk", said, asked)["sampling_recipe"]["config"]

    assert configure(False, asked=True) == {"lora_weight": 0.5, "draft": True}
    assert configure(True, asked=False) == {"lora_weight": 0.5}
    edited = {"status": "stale", "causes": ("the story file's sampling recipe changed",)}
    assert configure(True, asked=True, **edited) == {
        "draft": True
    }  # as any edit there, until the file changes
    assert configure(True, asked=False, **edited) == {}
    assert configure_recipe([AssetState("captions", "walk", "stale", ("x",))], "walk", said, True) == {}
