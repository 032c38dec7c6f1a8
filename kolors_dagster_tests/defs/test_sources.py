from typing import Any

import pytest

from kolors_dagster.defs import sources
from kolors_dagster.defs.sources import training_recipe_version
from kolors_dagster.mini import config
from kolors_dagster.specs import StyleSpec

FOLDER = {"kind": "folder", "path": "~/pictures"}
DRAWINGS = {"kind": "embedded", "drawing": "anime"}


def version(source: dict[str, str], **training: Any) -> str:
    style = {"name": "s", "trigger_words": "二次元", "source": source, "training": training}
    return training_recipe_version(StyleSpec.model_validate(style))


def test_the_crop_versions_a_recipe_whether_it_is_written_or_the_sources_own() -> None:
    assert version(FOLDER) == version(FOLDER, crop="buckets") != version(FOLDER, crop="center")
    assert version(DRAWINGS) == version(DRAWINGS, crop="center") != version(FOLDER)


def test_a_kolors_mini_that_came_with_an_update_is_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    version_of = sources.base_model_version.__wrapped__  # as a new process has it
    before = version_of("kolors-mini")
    assert before == version_of("kolors-mini") != version_of("kolors")
    monkeypatch.setitem(config.TRAINING, "steps", 7)
    assert version_of("kolors-mini") != before
