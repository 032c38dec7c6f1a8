"""Two styles, two stories and one retraining on a real instance; then every question one may ask of them."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from PIL import Image
from sd_parsers import ParserManager
from typer.testing import CliRunner

from kolors_dagster.cli.app import app
from kolors_dagster.definitions import defs
from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.defs.update import Updater
from kolors_dagster.errors import UserError
from kolors_dagster.files import read_json
from kolors_dagster.story.provenance import read_picture, write_panel
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


@pytest.fixture(scope="module")
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


def test_from_a_lora_and_from_an_image_to_every_story(world: World) -> None:
    new = ask("lineage", "walk", "--style", "ink")["loras"][0]["sha256"]
    old = ask("lineage", "rain", "--style", "ink")["loras"][0]["sha256"]
    assert new != old

    def stories(*question: str) -> dict[str, dict[str, bool]]:
        return {
            lora["sha256"]: {
                f"{story['story']}|{story['style']}": story["current"] for story in lora["stories"]
            }
            for lora in ask("lineage", *question)["loras"]
        }

    assert stories("--lora", old[:8]) == {old: {"walk|ink": False, "rain|ink": True}}
    assert stories("--lora", new) == {new: {"walk|ink": True}}
    picture = world.root / "pictures" / "ink" / "new.png"
    assert stories("--image", str(picture)) == {new: {"walk|ink": True}}
    both = {new: {"walk|ink": True}, old: {"walk|ink": False, "rain|ink": True}}
    for question in (
        world.root / "pictures" / "ink" / "0.png",
        sha256(world.root / "pictures" / "ink" / "0.png"),
    ):
        assert stories("--image", str(question)) == both
    # Another encoding of the same pixels is the same picture; so is its JPEG in the training set.
    Image.open(world.root / "pictures" / "ink" / "0.png").save(world.old / "again.bmp")
    assert stories("--image", str(world.old / "again.bmp")) == both
    train = world.root / "assets" / "processed_dataset" / "ink" / "train"
    assert stories("--image", str(sorted(train.glob("*.jpg"))[0]))[new] == {"walk|ink": True}
    shown = tell("lineage", "--lora", old)
    assert "rain panels 1, 2, 3, 4, 5, 6, 7, 8 · current" in shown and "drawn anew since" in shown


def test_the_ui_links_both_ways_and_nothing_gets_out_of_date(world: World) -> None:
    grid = newest(world.instance, "story_grid", "rain|ink")  # of the LoRA before the retraining
    shown = {name: value.value for name, value in grid.asset_materialization.metadata.items()}  # type: ignore[union-attr]
    trained = source_of(
        world.instance,
        source_of(world.instance, grid, "panel_1", "rain|ink"),
        "lora_checkpoint",
        "ink",
    )
    assert shown["lora_run"] == trained.run_id
    time = round(trained.timestamp * 1000)
    assert f"](/assets/lora_checkpoint?view=events&time={time})" in str(shown["lora"])
    assert "[3 images, 1 rejected (1 not_an_image)](/assets/processed_dataset?" in str(
        shown["training_images"]
    )
    assert len(shown["panels"].records) == 8  # type: ignore[union-attr]
    wanted = dg.AssetRecordsFilter(dg.AssetKey("lora_checkpoint"), asset_partitions=["ink"])
    seen = [record.asset_observation for record in world.instance.fetch_observations(wanted, limit=9).records]
    links = [str(value.value) for event in seen for value in event.metadata.values()]  # type: ignore[union-attr]
    assert [link.split("](")[0] for link in links] == ["[walk in ink", "[rain in ink", "[walk in ink"]
    assert f"](/runs/{grid.run_id})" in links[1] and "partition=rain%7Cink" in links[1]
    assert update(world.instance, "oil", "rain") == []


def test_runs_from_the_launchpad_get_their_tags(world: World) -> None:
    for job, partition, asset in (
        ("draw_story", pair_key("oil", "rain"), "story_grid"),
        ("write_story", "rain", "captions"),
        ("train_style", "oil", "lora_checkpoint"),
    ):
        made = run(world.instance, job, partition, asset)
        tags = {name: value for name, value in made.tags.items() if name.startswith("kolors/")}
        expected = {"kolors/style": "oil", "kolors/story": "rain", "kolors/base_model": "kolors-mini"}
        absent = {"write_story": "kolors/style", "train_style": "kolors/story"}.get(job)
        assert tags == {name: value for name, value in expected.items() if name != absent}, job
    # That LoRA came out the same: its page still lists what it drew, and its pictures agree with the log.
    again = newest(world.instance, "lora_checkpoint", "oil").asset_materialization
    assert "[rain in oil](/assets/story_grid?" in str(again.metadata["drew rain"].value)  # type: ignore[union-attr]
    found = ask("lineage", "rain", "--style", "oil")
    assert found["log"]["state"] == "agrees"
    assert len(read_json(Path(found["loras"][0]["path"]).with_name("runs.json"))) == 2


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
