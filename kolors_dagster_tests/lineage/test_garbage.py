"""What is freed, and above all what is not."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.embedding_store import EmbeddingStore
from kolors_dagster.kolors.text import TextEmbeddings
from kolors_dagster.lineage.garbage import Garbage, Places, find_garbage, remove_garbage
from kolors_dagster.lineage.lora_store import LoraStore
from kolors_dagster.story.provenance import composed_record, panel_record, write_composed, write_panel
from kolors_dagster.story.recipe import PanelRecipe, recipe_key
from kolors_dagster.story.store import PanelStore
from kolors_dagster_tests.lineage.test_lora_store import DATASET, train
from kolors_dagster_tests.story.pictures import RECIPE, make_noise


class Project:
    """A small assets folder, written with the project's own writers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.places = Places(
            root,
            root / "panels",
            root / "story_grid",
            root / "lora_checkpoint",
            root / "training_checkpoints",
        )
        self.clock = 0

    def train(self, style: str = "ink") -> str:
        self.clock += 1
        folder = self.places.loras / style
        folder.parent.mkdir(parents=True, exist_ok=True)
        sha256 = train(folder, float(self.clock))
        LoraStore().put(folder, DATASET, f"run-{self.clock}", f"2026-01-01T00:00:{self.clock:02}Z")
        return sha256

    def draw(
        self, lora: str, seed: int, story: str = "walk", current: bool = True, draft: bool = False
    ) -> Path:
        """Store panel 1 of a story, and let the story show it; return its file in the store."""
        self.clock += 1
        recipe: PanelRecipe = replace(RECIPE, lora_sha256=lora, seed=seed, draft=draft)
        record = panel_record(recipe, {"story": story, "style": "ink", "lora": {"sha256": lora}})
        image = make_noise(seed)
        path = PanelStore().put(recipe_key(recipe), image, record)
        os.utime(path, ns=(self.clock * 10**9, self.clock * 10**9))
        if current:
            write_panel(self.places.panels / "ink" / story / "1.png", image, record)
        return path

    def compose(self, story: str = "walk") -> None:
        panel = self.places.panels / "ink" / story / "1.png"
        grid = self.places.grids / "ink" / story / "all.png"
        write_composed(grid, make_noise(0), composed_record("grid", [panel] * 8))

    def garbage(self, keep: int) -> set[Path]:
        return {found.path for found in find_garbage(self.places, keep)}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("KOLORS_DATA", str(tmp_path / "data"))
    return Project(tmp_path / "data" / "assets")


def weights(sha256: str) -> Path:
    return LoraStore().root / sha256 / "lora.safetensors"


def test_the_newest_and_what_is_needed_stay(project: Project) -> None:
    loras = [project.train() for _ in range(4)]
    assert project.garbage(keep=0) >= {weights(lora) for lora in loras[:3]}
    assert weights(loras[3]) not in project.garbage(keep=0)  # the style has it now
    assert {path for path in project.garbage(keep=2) if path.suffix == ".safetensors"} == {
        weights(lora) for lora in loras[:2]
    }
    project.draw(loras[0], seed=1)  # a story not drawn again since
    assert weights(loras[0]) not in project.garbage(keep=0)
    project.compose()
    project.draw(loras[3], seed=1)  # its panel is new, its grid still shows the old one
    assert weights(loras[0]) not in project.garbage(keep=0)
    project.compose()
    assert weights(loras[0]) in project.garbage(keep=0)


def test_loras_are_counted_by_style(project: Project) -> None:
    ink, oil, newest_ink = project.train("ink"), project.train("oil"), project.train("ink")
    assert weights(ink) in project.garbage(keep=1)
    assert not {weights(oil), weights(newest_ink)} & project.garbage(keep=1)


def test_stored_panels_are_counted_by_their_place_in_a_story(project: Project) -> None:
    lora = project.train()
    drawn = [project.draw(lora, seed) for seed in range(1, 5)]
    other = project.draw(lora, seed=9, story="rain")
    project.draw(lora, seed=1)  # edited back: the oldest recipe is the current one, and the newest file
    os.utime(drawn[0], ns=(1, 1))
    assert project.garbage(keep=1) == set(drawn[1:3])
    assert project.garbage(keep=0) == set(drawn[1:])
    assert other not in project.garbage(keep=0)
    drawn[3].write_bytes(b"half a picture")
    assert drawn[3] in project.garbage(keep=9)


def test_drafts_push_no_final_picture_out(project: Project) -> None:
    lora = project.train()
    final = project.draw(lora, seed=1, current=False)
    old, new = (project.draw(lora, seed, current=False, draft=True) for seed in (1, 2))
    assert project.garbage(keep=1) == {old}
    assert project.garbage(keep=0) == {final, old, new}


def test_a_freed_lora_is_still_known(project: Project) -> None:
    old, new = project.train(), project.train()
    freed = list(remove_garbage(find_garbage(project.places, keep=0)))
    assert {found.path.name for found in freed} == {"lora.safetensors", "loss.csv"}
    stored = LoraStore().find(old)
    assert stored.weights is None and stored.manifest["dataset"] == DATASET and stored.runs
    assert LoraStore().find(new).weights is not None
    assert project.garbage(keep=0) == set()


def test_space_counts_once_for_linked_files(project: Project) -> None:
    project.train()
    linked = weights(project.train())
    old = min(find_garbage(project.places, keep=0), key=lambda found: found.path.name)
    assert old.bytes == old.path.stat().st_size > 0  # the style's folder links to the new one by now
    assert linked.stat().st_nlink == 2


def test_stopped_in_between_it_leaves_a_whole_store(project: Project) -> None:
    loras = [project.train() for _ in range(3)]
    for seed in range(1, 4):
        project.draw(loras[2], seed)
    garbage = find_garbage(project.places, keep=0)
    assert len(garbage) == 6
    for stop in range(1, len(garbage) + 1):
        next(remove_garbage(garbage[stop - 1 :]))
        assert {lora.sha256 for lora in LoraStore().list()} == set(loras)
        assert PanelStore().find(recipe_key(replace(RECIPE, lora_sha256=loras[2], seed=3))) is not None
        assert len(find_garbage(project.places, keep=0)) == len(garbage) - stop


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_leftovers_of_killed_runs_go_and_those_of_living_ones_stay(project: Project) -> None:
    lora = project.train()
    stored = project.draw(lora, seed=1)
    dead, alive, root = dead_pid(), os.getpid(), project.root
    gone = [
        stored.with_name(f".{stored.stem}.{dead}.png"),
        root / "story_grid" / "ink" / f".all.{dead}.jpg",
        root / "processed_dataset" / f".ink.{dead}" / "train" / "0.jpg",
        root / "raw_dataset" / ".source-abc" / "0.jpg",
        root / "lora_checkpoint" / ".ink.previous" / "loss.csv",
        root / "training_checkpoints" / "ink" / "k-step-0000002.safetensors",
    ]
    stays = [
        stored.with_name(f".{stored.stem}.{alive}.png"),
        root / "processed_dataset" / ".oil.previous" / "manifest.json",  # the only good one
        root / "training_checkpoints" / "oil" / "k-step-0000002.safetensors",  # to be gone on from
        root / "training_cache" / ".oil.work" / "shard.safetensors",
        root / "panels" / "ink" / "walk" / "notes.txt",
    ]
    for path in [*gone, *stays]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1234")
    os.utime(gone[-1], ns=(1, 1))
    garbage = find_garbage(project.places, keep=1)
    assert sum(found.bytes for found in garbage) == 4 * len(gone)
    list(remove_garbage(garbage))
    assert [path for path in gone if path.exists()] == []
    assert [path for path in stays if not path.exists()] == []


def test_nothing_outside_is_touched(project: Project, tmp_path: Path) -> None:
    lora = project.train()
    outside = tmp_path / "outside"
    folder = project.draw(lora, seed=1).parent
    project.draw(lora, seed=2)
    folder.rename(outside)
    folder.symlink_to(outside)
    aside = project.root / f".panels.{dead_pid()}"
    aside.symlink_to(outside)
    before = sorted(path for path in outside.rglob("*"))
    assert [found.path for found in find_garbage(project.places, keep=0)] == [aside]
    list(remove_garbage([Garbage(aside, 0, "")]))
    assert not aside.is_symlink() and sorted(path for path in outside.rglob("*")) == before


def test_embeddings_of_texts_that_no_picture_is_of_go(project: Project) -> None:
    project.draw(project.train(), seed=1)
    model = BaseModel("m", Path(), {}, {}, "v", 64, 2)
    store = EmbeddingStore(model, torch.device("cpu"), torch.float32)
    embeddings = TextEmbeddings(torch.randn(1, 256, 4), torch.randn(1, 4))
    texts = {RECIPE.prompt, RECIPE.negative_prompt, "后来不要了"}
    for text in texts:
        store.put(text, embeddings)
    assert len(project.garbage(keep=9)) == 1
    list(remove_garbage(find_garbage(project.places, keep=9)))
    assert {text for text in texts if store.find(text)} == texts - {"后来不要了"}
    damaged = next((project.root / "embedding_store").glob("*/*.safetensors"))
    damaged.write_bytes(damaged.read_bytes()[:40])
    assert project.garbage(keep=9) == {damaged}
