"""From a LoRA, an image or a run to the stories that came of it, asked for and linked in the UI."""

from pathlib import Path

import dagster as dg
from PIL import Image

from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.files import read_json
from kolors_dagster_tests.cli.lineage.conftest import World, ask, newest, run, sha256, source_of, tell, update


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
