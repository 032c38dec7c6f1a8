"""The command line as a person uses it: in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kolors_dagster_tests.conftest import STORY, write_spec


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kolors_dagster.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"})


def test_status_of_a_new_project_is_missing_everywhere(project: Path) -> None:
    done = run("status", "walk", "--style", "tiny", "--json")
    assert done.returncode == 0, done.stderr
    assets = json.loads(done.stdout)["assets"]
    assert len(assets) == 26
    assert {tuple(asset) for asset in assets} == {("key", "partition", "status", "causes", "draft")}
    assert {asset["status"] for asset in assets} == {"missing"}
    partitions = {asset["key"]: asset["partition"] for asset in assets}
    assert partitions["base_model"] is None
    assert (partitions["lora_checkpoint"], partitions["prompt_1"]) == ("tiny", "walk")
    assert partitions["story_grid"] == "walk|tiny"


@pytest.mark.parametrize(
    ("arguments", "problem", "fix"),
    [
        (["story", "wlak", "--style", "tiny"], "wlak.yaml: no such file", "did you mean 'walk'?"),
        (["train", "huge"], "huge.yaml: no such file", "tiny"),
        (["status", "../styles/tiny", "--style", "tiny"], "points outside", "plain name"),
    ],
)
def test_a_mistake_is_one_message_without_a_stack_trace(
    project: Path, arguments: list[str], problem: str, fix: str
) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert problem in done.stderr and fix in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_broken_story_file_says_where_it_is_broken(project: Path) -> None:
    write_spec(project / "stories" / "walk.yaml", {**STORY, "panels": STORY["panels"][:7]})  # type: ignore[index]
    done = run("story", "walk", "--style", "tiny")
    assert done.returncode == 1
    assert "walk.yaml:" in done.stderr and "panels" in done.stderr and "Traceback" not in done.stderr


def test_a_model_that_is_not_there_is_said_so(project: Path) -> None:
    done = run("train", "tiny", "--model", "kolor")
    assert done.returncode == 1
    assert "'kolor' is neither 'kolors-mini' nor 'kolors'" in done.stderr and "Traceback" not in done.stderr


def test_doctor_finds_what_is_broken(project: Path) -> None:
    done = run("doctor", "--json")
    findings = {finding["what"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0, done.stdout
    assert findings["packages"]["level"] == findings["styles"]["level"] == findings["font"]["level"] == "ok"
    (project / "styles" / "tiny.yaml").write_text("name: tiny\n")
    broken = run("doctor")
    assert broken.returncode == 1
    assert "tiny.yaml:1: source: missing" in broken.stdout.replace("\n", " ")


@pytest.mark.parametrize("command", ["story", "up", "status", "train", "check", "lineage", "gc", "doctor"])
def test_help_has_an_example(command: str) -> None:
    assert f"kolors-dagster {command}" in run(command, "--help").stdout.split("Example")[1]


def test_check_warns_with_file_and_line_and_runs_nothing(project: Path) -> None:
    assert run("check").stdout.strip() == "0 errors, 0 warnings"
    first, *others = STORY["panels"]  # type: ignore[misc]
    panels = [{**first, "prompt": "{女孩}，金色短发，双手托腮"}, *others]  # type: ignore[dict-item]
    write_spec(project / "stories" / "walk.yaml", {**STORY, "panels": panels})
    write_spec(project / "stories" / "broken.yaml", {**STORY, "name": "broken", "panels": []})
    done = run("check", "walk", "--style", "tiny", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["messages"]
    assert [(m["severity"], m["panel"], m["rule"]) for m in found] == [
        ("warning", 1, "look"),
        ("warning", 1, "hands"),
    ]
    lines = (project / "stories" / "walk.yaml").read_text(encoding="utf-8").splitlines()
    assert "金色短发" in lines[found[0]["line"] - 1]
    done = run("check")
    assert done.returncode == 1
    assert "broken.yaml:" in done.stdout and "walk.yaml:" in done.stdout
    assert done.stdout.strip().endswith("1 errors, 2 warnings")
    assert not (project / "assets").exists()
