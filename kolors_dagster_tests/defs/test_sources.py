from typing import Any

from kolors_dagster.defs.sources import training_recipe_version
from kolors_dagster.specs import StyleSpec

FOLDER = {"kind": "folder", "path": "~/pictures"}
DRAWINGS = {"kind": "embedded", "drawing": "anime"}


def version(source: dict[str, str], **training: Any) -> str:
    style = {"name": "s", "trigger_words": "二次元", "source": source, "training": training}
    return training_recipe_version(StyleSpec.model_validate(style))


def test_the_crop_versions_a_recipe_whether_it_is_written_or_the_sources_own() -> None:
    assert version(FOLDER) == version(FOLDER, crop="buckets") != version(FOLDER, crop="center")
    assert version(DRAWINGS) == version(DRAWINGS, crop="center") != version(FOLDER)
