"""`up` and the overview of `status`: what they say, and that one mistake does not stop the rest."""

import json
from pathlib import Path

import pytest

from kolors_dagster.cli.status import print_overview
from kolors_dagster.cli.up import bring_up_to_date
from kolors_dagster.cli.update import list_keys
from kolors_dagster.defs.keys import STYLE_ASSETS
from kolors_dagster.errors import UserError
from kolors_dagster_tests.cli.test_app import run
from kolors_dagster_tests.conftest import STORY, STYLE, write_spec


def test_what_fails_is_told_and_stops_nothing_else(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "styles" / "tiny.yaml").unlink()
    gone = {"kind": "folder", "path": "pictures/gone"}
    write_spec(project / "styles" / "ink.yaml", {**STYLE, "name": "ink", "source": gone})
    (project / "stories" / "bad.yaml").write_text("name: bad\ntitle: {\n", encoding="utf-8")

    done = run("up", "--all", "--json")
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    said = json.loads(done.stdout)
    assert [(r["job"], r["partition"], r["success"]) for r in said["runs"]] == [
        ("prepare_base_model", None, True),
        ("train_style", "ink", False),
        ("write_story", "walk", True),
    ]
    problems = {problem["item"]: problem["problem"] for problem in said["problems"]}
    assert problems.keys() == {"style ink", "story bad"}
    assert "pictures/gone" in problems["style ink"]
    assert "bad.yaml:3:1: not valid YAML" in problems["story bad"]
    left_out = [left["item"] for left in said["left_out"]]
    assert left_out == ["story bad in style ink", "story walk in style ink"]
    assert "error: story bad: " in done.stderr and "made 11 assets in 3 runs" in done.stderr

    # What was made is not made again.
    assert not bring_up_to_date([], [], everything=True, dry_run=False, as_json=True)
    again = json.loads(capsys.readouterr().out)["runs"]
    assert [(r["job"], r["assets"][0]["key"]) for r in again] == [("train_style", "raw_dataset")]


def test_a_dry_run_says_what_and_why_and_touches_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bring_up_to_date(["walk"], ["tiny"], everything=False, dry_run=True, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "prepare_base_model · base model",
        "    base_model: missing (never made)",
        "train_style · style tiny",
        f"    {', '.join(STYLE_ASSETS)}: missing (never made)",
        "write_story · story walk",
        "    prompt_1…8, sampling_recipe, captions: missing (never made)",
        "draw_story · story walk in style tiny",
        "    panel_1…8, story_grid: missing (never made)",
    ]
    assert not (project / "assets").exists()


def test_up_means_what_was_drawn(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bring_up_to_date([], [], everything=False, dry_run=True, as_json=False)
    assert "nothing was drawn yet" in capsys.readouterr().err
    with pytest.raises(UserError, match="--style STYLE, or --all"):
        bring_up_to_date(["walk"], [], everything=False, dry_run=True, as_json=False)


def test_the_overview_shows_each_style_and_story(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_spec(project / "stories" / "run.yaml", {**STORY, "name": "run", "titel": "跑"})
    assert not print_overview([], [], everything=False, as_json=False)
    said = capsys.readouterr()
    assert "run.yaml:" in said.err and "titel: unknown key" in said.err
    assert [line.split() for line in said.out.splitlines()[:4]] == [
        ["story", "tiny"],
        ["style", "6", "missing"],
        ["run", "broken", "?"],
        ["walk", "10", "missing", "9", "missing"],
    ]
    print_overview([], [], everything=False, as_json=True)
    items = {item["item"]: item for item in json.loads(capsys.readouterr().out)["items"]}
    assert [state["key"] for state in items["style tiny"]["outdated"]] == list(STYLE_ASSETS)
    assert (items["story run"]["known"], items["story walk in style tiny"]["known"]) == (False, True)


def test_a_row_of_keys_is_written_short() -> None:
    keys = ["captions", "panel_1", "panel_2", "panel_3", "panel_5", "panel_6", "story_grid"]
    assert list_keys(keys) == "captions, panel_1…3, panel_5, panel_6, story_grid"
