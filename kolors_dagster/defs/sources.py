"""What each asset reads from outside Dagster, as a version: how an edited file becomes visible.

An asset that reads a style file, a story file or a folder records the version it saw; when the version now is
another, the asset is stale. An edit in the Launchpad stays until the file itself changes.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeVar

from kolors_dagster.dataset.source_state import describe_source_state, newest_change
from kolors_dagster.files import changed_at, join_inside
from kolors_dagster.hashing import hash_json
from kolors_dagster.mini.config import mini_recipe
from kolors_dagster.paths import data_root, stories_folder, styles_folder
from kolors_dagster.specs import PANELS, StorySpec, StyleSpec, load_story, load_style

S = TypeVar("S", StyleSpec, StorySpec)

SOURCE_VERSION = "source_version"


def read_style(name: str) -> StyleSpec:
    """Read a style by its name; raises SpecError."""
    return _read(load_style, join_inside(styles_folder(), f"{name}.yaml"))


def read_story(name: str) -> StorySpec:
    """Read a story by its name; raises SpecError."""
    return _read(load_story, join_inside(stories_folder(), f"{name}.yaml"))


def _read(load: Callable[[Path], S], path: Path) -> S:
    """Read a file again only when it changed: the daemon asks for all of them every few seconds."""
    try:
        stat = path.stat()
    except OSError:
        return load(path)  # says what is wrong
    return _read_once(load, path, (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino))


@lru_cache(maxsize=10_000)
def _read_once(load: Callable[[Path], S], path: Path, state: tuple[int, ...]) -> S:
    return load(path)


def source_changed_at(asset: str, style: str | None, story: str | None) -> float:
    """Return when the file or the folder of images that an asset reads was changed; 0 if it reads none.

    Raises SpecError if a style's file cannot be read.
    """
    if asset in STORY_SOURCES and story is not None:
        return changed_at(stories_folder() / f"{story}.yaml")
    if asset not in STYLE_SOURCES or style is None:
        return 0.0
    file = changed_at(styles_folder() / f"{style}.yaml")
    return max(file, newest_change(read_style(style), data_root())) if asset == "raw_dataset" else file


@cache
def base_model_version(name: str) -> str:
    """Version of a base model as its name tells it; the one that ships is another with some releases."""
    return f"{name} {mini_recipe()}" if name == "kolors-mini" else name


def raw_dataset_version(style: StyleSpec) -> str:
    """Version of a style's images as their source has them now."""
    return hash_json([describe_source_state(style, data_root()), style.caption, style.trigger_words])


def filters_version(style: StyleSpec) -> str:
    """Version of a style's Data-Juicer process."""
    return hash_json(style.process)


def training_recipe_version(style: StyleSpec) -> str:
    """Version of a style's training recipe and trigger words."""
    return hash_json([style.training.model_dump(), style.trigger_words])


def sampling_recipe_version(story: StorySpec) -> str:
    """Version of a story's sampling recipe."""
    return hash_json(story.sampling.model_dump())


def captions_version(story: StorySpec) -> str:
    """Version of a story's title and captions."""
    return hash_json([story.title, [panel.caption for panel in story.panels]])


def prompt_version(number: int) -> Callable[[StorySpec], str]:
    """Return what versions panel `number` of a story: all that changes its picture."""
    return lambda story: hash_json(story.resolve(number).model_dump())


STYLE_SOURCES: dict[str, Callable[[StyleSpec], str]] = {
    "raw_dataset": raw_dataset_version,
    "filtered_dataset": filters_version,
    "training_recipe": training_recipe_version,
}
STORY_SOURCES: dict[str, Callable[[StorySpec], str]] = {
    "sampling_recipe": sampling_recipe_version,
    "captions": captions_version,
    **{f"prompt_{number}": prompt_version(number) for number in range(1, PANELS + 1)},
}
