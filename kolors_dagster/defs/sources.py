"""What each asset reads from outside Dagster, as a version: how an edited file becomes visible.

An asset that reads a style file, a story file or a folder records the version it saw; when the version now is
another, the asset is stale. An edit in the Launchpad stays until the file itself changes.
"""

from collections.abc import Callable

from kolors_dagster.dataset.source_state import describe_source_state
from kolors_dagster.files import join_inside
from kolors_dagster.hashing import hash_json
from kolors_dagster.paths import data_root, stories_folder, styles_folder
from kolors_dagster.specs import PANELS, StorySpec, StyleSpec, load_story, load_style

SOURCE_VERSION = "source_version"


def read_style(name: str) -> StyleSpec:
    """Read a style by its name; raises SpecError."""
    return load_style(join_inside(styles_folder(), f"{name}.yaml"))


def read_story(name: str) -> StorySpec:
    """Read a story by its name; raises SpecError."""
    return load_story(join_inside(stories_folder(), f"{name}.yaml"))


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
