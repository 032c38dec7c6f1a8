"""From a story or a picture back to all that it was made of."""

import os
from pathlib import Path

import pytest
from PIL import Image
from sd_parsers import ParserManager

from kolors_dagster.story.provenance import read_picture, write_panel
from kolors_dagster_tests.cli.lineage.conftest import (
    World,
    ask,
    data_version,
    newest,
    sha256,
    source_of,
    tell,
)


def test_a_storys_lineage_is_the_event_logs(world: World) -> None:
    found = ask("lineage", "walk", "--style", "ink")
    assert (found["story"], found["style"]) == ("walk", "ink")
    assert found["log"] == {"state": "agrees", "differences": [], "superseded": False}
    grid = newest(world.instance, "story_grid", "walk|ink")
    assert found["grid"]["run_id"] == grid.run_id
    assert found["grid"]["sha256"] == sha256(found["grid"]["path"])
    assert found["grid"]["path"] == str(world.root / "assets" / "story_grid" / "ink" / "walk" / "all.png")
    assert [panel["number"] for panel in found["panels"]] == list(range(1, 9))
    (lora,) = found["loras"]
    for panel in found["panels"]:
        drawn = source_of(world.instance, grid, f"panel_{panel['number']}", "walk|ink")
        assert (panel["run_id"], panel["pixels_sha256"]) == (drawn.run_id, data_version(drawn))
        assert panel["sha256"] == sha256(panel["path"]) and panel["lora_sha256"] == lora["sha256"]
        prompt = source_of(world.instance, drawn, f"prompt_{panel['number']}", "walk")
        resolved = prompt.asset_materialization.metadata[f"prompt_{panel['number']}"].value  # type: ignore[union-attr]
        assert panel["prompt"] == f"二次元，{resolved['prompt']}"  # type: ignore[index]
        assert (panel["seed"], panel["negative_prompt"]) == (resolved["seed"], resolved["negative_prompt"])  # type: ignore[index]
        assert panel["base_model"]["version"] == data_version(
            source_of(world.instance, drawn, "base_model", None)
        )
    trained = source_of(world.instance, drawn, "lora_checkpoint", "ink")
    assert (lora["run_id"], lora["sha256"]) == (trained.run_id, data_version(trained))
    assert lora["sha256"] == sha256(lora["path"]) and lora["recipe"]["steps"] == 3
    exported = source_of(
        world.instance,
        source_of(world.instance, trained, "training_cache", "ink"),
        "processed_dataset",
        "ink",
    )
    dataset = lora["dataset"]
    assert dataset["data_version"] == data_version(exported)
    assert (dataset["kept"], dataset["rejected"], dataset["rejected_by_reason"]) == (
        4,
        1,
        {"not_an_image": 1},
    )
    pictures = world.root / "pictures" / "ink"
    assert {image["source"]: image["raw_sha256"] for image in dataset["images"]} == {
        path.name: sha256(path) for path in pictures.glob("*.png")
    }


@pytest.mark.parametrize("name", ["all.png", "all.jpg", "story.png"])
def test_a_picture_from_before_the_retraining_still_knows_its_lora(world: World, name: str) -> None:
    found = ask("lineage", str(world.old / name))
    assert found["log"] == {"state": "agrees", "differences": [], "superseded": True}
    (lora,) = found["loras"]
    assert lora["sha256"] != ask("lineage", "walk", "--style", "ink")["loras"][0]["sha256"]
    assert lora["sha256"] == sha256(lora["path"])
    assert sorted(image["source"] for image in lora["dataset"]["images"]) == ["0.png", "1.png", "2.png"]
    for panel in found["panels"]:  # the story shows others by now, so these are the store's
        assert f"{os.sep}panel_store{os.sep}" in panel["path"]
        assert read_picture(Path(panel["path"]))[1]["pixels_sha256"] == panel["pixels_sha256"]
    assert (found["grid"] is None) == (name != "all.png")  # the lossless grid of then is nowhere else


def test_without_a_log_a_picture_answers_for_itself_and_makes_none(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ask("lineage", str(world.old / "all.jpg"))
    monkeypatch.setenv("KOLORS_DATA", str(tmp_path / "nothing"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    found = ask("lineage", str(world.old / "all.jpg"))
    assert found["log"]["state"] == "none" and not list(tmp_path.iterdir())
    for mine, known in zip(found["panels"], here["panels"], strict=True):
        same = ("number", "prompt", "negative_prompt", "seed", "recipe", "base_model", "lora_sha256")
        assert {name: mine[name] for name in same} == {name: known[name] for name in same}
    (mine,), (known,) = found["loras"], here["loras"]
    assert mine["dataset"] == {
        name: known["dataset"][name] for name in ("data_version", "kept", "rejected", "rejected_by_reason")
    }
    assert (mine["sha256"], mine["recipe"], mine["loss"]) == (known["sha256"], known["recipe"], known["loss"])
    assert mine["path"] is None and mine["run_id"] is None


def test_a_record_that_says_otherwise_than_the_log_is_told(world: World, tmp_path: Path) -> None:
    image, record = read_picture(world.root / "assets" / "panels" / "oil" / "rain" / "3.png")
    record["recipe"]["seed"] = 77
    forged = write_panel(tmp_path / "forged.png", image, record)
    log = ask("lineage", str(forged))["log"]
    assert log["state"] == "differs"
    assert log["differences"] == ["panel 3: seed is 77 in the picture, 3 in the log"]
    painted = write_panel(tmp_path / "painted.png", Image.new("RGB", (64, 64)), record)
    assert ask("lineage", str(painted))["log"]["state"] == "unknown"
    assert "has no such picture" in tell("lineage", str(painted))


def test_an_independent_reader_of_a1111s_format_finds_the_same(world: World) -> None:
    for panel in ask("lineage", "rain", "--style", "oil")["panels"]:
        parsed = ParserManager().parse(panel["path"])
        assert parsed is not None and parsed.generator.value == "AUTOMATIC1111"
        assert [prompt.value for prompt in parsed.prompts] == [panel["prompt"]]
        assert [prompt.value for prompt in parsed.negative_prompts] == [panel["negative_prompt"]]
        (sampler,) = parsed.samplers
        assert (sampler.name, sampler.parameters["seed"]) == ("Euler", str(panel["seed"]))


def test_the_tree_says_it_all_to_a_person(world: World) -> None:
    shown = tell("lineage", "walk", "--style", "ink")
    found = ask("lineage", "walk", "--style", "ink")
    (lora,) = found["loras"]
    told = [
        lora["sha256"],
        lora["run_id"],
        lora["path"],
        lora["dataset"]["data_version"],
        "✓ the event log agrees",
    ]
    told += [panel["prompt"] for panel in found["panels"]] + ["4 kept, 1 rejected", "broken.jpg", "new.png"]
    assert [part for part in told if part not in shown] == []
