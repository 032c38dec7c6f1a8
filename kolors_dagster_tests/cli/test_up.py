"""`up` and the overview of `status`, as a person uses them."""

import json
from pathlib import Path

from kolors_dagster.defs.keys import STYLE_ASSETS
from kolors_dagster_tests.cli.test_app import run
from kolors_dagster_tests.conftest import STORY, STYLE, write_spec


def test_what_fails_is_told_and_stops_nothing_else(project: Path) -> None:
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
    assert (
        "pictures/gone" in problems["style ink"] and "bad.yaml:3:1: not valid YAML" in problems["story bad"]
    )
    assert [left["item"] for left in said["left_out"]] == [
        "story bad in style ink",
        "story walk in style ink",
    ]
    assert "error: story bad: " in done.stderr and "made 11 assets in 3 runs" not in done.stderr

    again = json.loads(run("up", "--all", "--json").stdout)  # what was made is not made again
    assert [(r["job"], r["assets"][0]["key"]) for r in again["runs"]] == [("train_style", "raw_dataset")]


def test_a_dry_run_says_what_and_why_and_touches_nothing(project: Path) -> None:
    done = run("up", "walk", "--style", "tiny", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
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


def test_up_means_what_was_drawn(project: Path) -> None:
    nothing = run("up")
    assert nothing.returncode == 0 and "nothing was drawn yet" in nothing.stderr
    unclear = run("up", "walk")
    assert unclear.returncode == 1 and "--style STYLE, or --all" in unclear.stderr


def test_the_overview_shows_each_style_and_story(project: Path) -> None:
    write_spec(project / "stories" / "run.yaml", {**STORY, "name": "run", "titel": "跑"})
    done = run("status")
    assert done.returncode == 1 and "run.yaml:" in done.stderr and "titel: unknown key" in done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[:4]]
    assert rows == [
        ["story", "tiny"],
        ["style", "6", "missing"],
        ["run", "broken", "?"],
        ["walk", "10", "missing", "9", "missing"],
    ]
    items = {item["item"]: item for item in json.loads(run("status", "--json").stdout)["items"]}
    assert [state["key"] for state in items["style tiny"]["outdated"]] == list(STYLE_ASSETS)
    assert (items["story run"]["known"], items["story walk in style tiny"]["known"]) == (False, True)
