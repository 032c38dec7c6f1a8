"""What of the assets can be deleted without losing a current picture, a current LoRA or anybody's history."""

import json
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from safetensors import SafetensorError, safe_open

from kolors_dagster.hashing import hash_file
from kolors_dagster.lineage.drawn import list_drawn
from kolors_dagster.lineage.lora_store import LoraStore
from kolors_dagster.paths import EMBEDDING_STORE
from kolors_dagster.story.store import PanelStore

_ASIDE = re.compile(r"\..+\.(\d+)(\.[^.]+)?")  # .NAME.PID and .NAME.PID.SUFFIX, as files.py writes them
_PREVIOUS = re.compile(r"\.(.+)\.previous")
_DOWNLOADS = ".source-"


@dataclass(frozen=True)
class Places:
    """Where the assets lie: `root` holds everything, and nothing outside of it is ever touched."""

    root: Path
    panels: Path
    """<style>/<story>/<number>.png: the panels that stories have now."""
    grids: Path
    """<style>/<story>/all.png: the grids that stories have now."""
    loras: Path
    """<style>/lora.safetensors: the LoRAs that styles have now."""
    checkpoints: Path
    """<style>/…: checkpoints of trainings."""


@dataclass(frozen=True)
class Garbage:
    """A file or folder that nothing needs, the disk space it takes, and what it is."""

    path: Path
    bytes: int
    what: str


def find_garbage(places: Places, keep: int) -> list[Garbage]:
    """Return what can go: LoRAs and stored panels beyond the newest `keep`, and what killed runs left behind.

    An embedding goes when no picture is of its text. Kept in any case: the LoRA of every style; the LoRA and
    the stored file of every panel that a story or its grid shows now; every LoRA's manifest, so that its
    history can still be told.
    """
    current = [*list_drawn(places.panels), *list_drawn(places.grids)]
    garbage = [
        *_find_loras(places, keep, {panel.lora_sha256 for panel in current}),
        *_find_panels(keep, {panel.recipe_key for panel in current}),
        *_find_embeddings(places.root, {text for panel in current for text in panel.texts}),
        *_find_checkpoints(places),
        *_find_leftovers(places.root),
    ]
    root = places.root.resolve()
    return [found for found in garbage if found.path.parent.resolve().is_relative_to(root)]


def remove_garbage(garbage: Iterable[Garbage]) -> Iterator[Garbage]:
    """Delete one after the other, yielding each when it is gone; stopping in between breaks nothing."""
    for found in garbage:
        if found.path.is_dir() and not found.path.is_symlink():
            shutil.rmtree(found.path)
        else:
            found.path.unlink(missing_ok=True)
        yield found


def _find_loras(places: Places, keep: int, drawn_with: set[str]) -> Iterator[Garbage]:
    needed = drawn_with | {hash_file(path) for path in places.loras.glob("*/lora.safetensors")}
    newer: dict[str, int] = defaultdict(int)
    for lora in LoraStore().list():
        if lora.weights is None:
            continue
        style = lora.manifest["style"]
        newer[style] += 1
        if newer[style] > keep and lora.sha256 not in needed:
            for path in (lora.loss, lora.weights):  # a LoRA without weights counts as done
                if path is not None:
                    yield _describe(path, f"old LoRA of {style}")


def _find_panels(keep: int, needed: set[str]) -> Iterator[Garbage]:
    root = PanelStore().root
    stored = list(list_drawn(root))
    for path in sorted(set(root.rglob("[!.]*.png")) - {panel.path for panel in stored}):
        yield _describe(path, "damaged panel")
    newer: dict[tuple[str, str, int, bool], int] = defaultdict(int)
    for panel in sorted(stored, key=lambda panel: panel.path.stat().st_mtime_ns, reverse=True):
        place = panel.style, panel.story, panel.number, panel.draft
        newer[place] += 1
        if newer[place] > keep and panel.recipe_key not in needed:
            yield _describe(panel.path, f"old panel {panel.number} of {panel.story} in {panel.style}")


def _find_embeddings(root: Path, needed: set[str]) -> Iterator[Garbage]:
    for path in sorted((root / EMBEDDING_STORE).glob("*/[!.]*.safetensors")):
        try:
            with safe_open(path, framework="numpy") as file:
                text = json.loads(file.metadata()["facts"])["text"]
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            yield _describe(path, "damaged embedding")
            continue
        if text not in needed:
            yield _describe(path, "embedding of a text that no picture is of")


def _find_checkpoints(places: Places) -> Iterator[Garbage]:
    for path in sorted(places.checkpoints.glob("*/*-step-*.safetensors")):
        lora = places.loras / path.parent.name / "lora.safetensors"
        if lora.is_file() and lora.stat().st_mtime_ns > path.stat().st_mtime_ns:
            yield _describe(path, "checkpoint of a finished training")


def _find_leftovers(root: Path) -> Iterator[Garbage]:
    for parent, folders, files in os.walk(root):
        for name in sorted([*folders, *files]):
            path = Path(parent, name)
            aside, previous = _ASIDE.fullmatch(name), _PREVIOUS.fullmatch(name)
            if (
                (aside and not psutil.pid_exists(int(aside[1])))
                or (previous and path.with_name(previous[1]).exists())
                or (name.startswith(_DOWNLOADS) and name in folders)
            ):
                yield _describe(path, "leftover of a killed run")
                if name in folders:
                    folders.remove(name)


def _describe(path: Path, what: str) -> Garbage:
    files = [path] if path.is_symlink() or path.is_file() else [child for child in path.rglob("*")]
    sizes = (file.lstat() for file in files if file.is_symlink() or file.is_file())
    return Garbage(path, sum(stat.st_size for stat in sizes if stat.st_nlink == 1), what)
