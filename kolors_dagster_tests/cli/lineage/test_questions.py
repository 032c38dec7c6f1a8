"""Questions that have no answer: each is one message."""

from pathlib import Path

import pytest
from PIL import Image

from kolors_dagster.errors import UserError
from kolors_dagster.story.provenance import read_picture, write_panel
from kolors_dagster_tests.cli.lineage.conftest import World, tell
from kolors_dagster_tests.conftest import STORY, write_spec


def spoil(path: Path, how: str, world: World) -> list[str]:
    whole = (world.old / "all.png").read_bytes()
    if how == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "foreign":
        Image.new("RGB", (8, 8)).save(path)
    elif how == "text":
        path.write_text("no picture")
    return [str(path)]


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("truncated", "damaged"),
        ("foreign", "carries no record"),
        ("text", "damaged"),
        ("missing", "no such picture"),
    ],
)
def test_a_picture_that_cannot_answer_is_one_message(
    world: World, tmp_path: Path, how: str, problem: str
) -> None:
    with pytest.raises(UserError, match=problem) as caught:
        tell("lineage", *spoil(tmp_path / "x.png", how, world))
    assert "give a picture that kolors-dagster drew" in caught.value.fix


def test_a_record_of_someone_else_under_our_name_is_one_message(world: World, tmp_path: Path) -> None:
    image, record = read_picture(world.root / "assets" / "panels" / "oil" / "rain" / "3.png")
    del record["story"]
    with pytest.raises(UserError, match="its record is not one of kolors-dagster's"):
        tell("lineage", str(write_panel(tmp_path / "x.png", image, record)))


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        (["wlak", "--style", "ink"], "wlak.yaml: no such file"),
        (["walk", "--style", "inc"], "inc.yaml: no such file"),
        (["--lora", "ffffffff"], "no LoRA of this project"),
        (["--image", "ffffffff"], "no LoRA was trained on this picture"),
        (["--image", "gone.png"], "no such file, and not the beginning"),
        ([], "ask about one thing"),
        (["walk", "--lora", "ffff"], "ask about one thing"),
    ],
)
def test_a_question_without_an_answer_is_one_message(world: World, question: list[str], problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        tell("lineage", *question)


def test_a_story_that_was_not_drawn_says_how_to_draw_it(world: World) -> None:
    write_spec(world.root / "stories" / "snow.yaml", {**STORY, "name": "snow"})
    with pytest.raises(UserError, match="has not been drawn") as caught:
        tell("lineage", "snow", "--style", "ink")
    assert caught.value.fix == "draw it: kolors-dagster story snow --style ink"
