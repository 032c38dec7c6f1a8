from pathlib import Path

import dagster as dg
import pytest

from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.defs.targets import Targets, choose_targets
from kolors_dagster.errors import UserError
from kolors_dagster_tests.conftest import STORY, STYLE, write_spec


@pytest.fixture
def drawn(project: Path) -> dg.DagsterInstance:
    """`walk` is drawn in `tiny`, `run` in none; `ink` is trained too; the file of `old` is gone."""
    write_spec(project / "styles" / "ink.yaml", {**STYLE, "name": "ink"})
    write_spec(project / "stories" / "run.yaml", {**STORY, "name": "run"})
    instance = open_instance()
    made = [("story_grid", pair_key("tiny", "walk")), ("story_grid", pair_key("old", "walk"))]
    for asset, partition in [*made, *(("lora_checkpoint", style) for style in ("tiny", "ink", "old"))]:
        instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=partition))
    return instance


@pytest.mark.parametrize(
    ("stories", "styles", "everything", "expected"),
    [
        ([], [], False, Targets(["ink", "tiny"], [("tiny", "walk")])),
        (["walk"], [], False, Targets([], [("tiny", "walk")])),
        ([], ["tiny"], False, Targets(["tiny"], [("tiny", "walk")])),
        ([], ["ink"], False, Targets(["ink"], [])),
        (["run"], ["ink"], False, Targets(["ink"], [("ink", "run")])),
        (["run"], [], True, Targets(["ink", "tiny"], [("ink", "run"), ("tiny", "run")])),
        ([], ["ink"], True, Targets(["ink"], [("ink", "run"), ("ink", "walk")])),
    ],
)
def test_what_is_meant(
    drawn: dg.DagsterInstance, stories: list[str], styles: list[str], everything: bool, expected: Targets
) -> None:
    assert choose_targets(drawn, stories, styles, everything=everything) == expected


@pytest.mark.parametrize(
    ("stories", "styles", "said"),
    [
        (["walk", "run"], [], "'run' has not been drawn in any style yet"),
        (["wlak"], [], "did you mean 'walk'"),
        ([], ["tyni"], "did you mean 'tiny'"),
    ],
)
def test_what_cannot_be_meant(
    drawn: dg.DagsterInstance, stories: list[str], styles: list[str], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        choose_targets(drawn, stories, styles, everything=False)


def test_the_order_is_model_styles_stories_pictures() -> None:
    items = Targets(["ink"], [("tiny", "walk"), ("ink", "walk"), ("ink", "run")]).items()
    assert [item.name for item in items] == [
        "base model",
        *("style ink", "style tiny"),
        *("story walk", "story run"),
        *("story walk in style tiny", "story walk in style ink", "story run in style ink"),
    ]
