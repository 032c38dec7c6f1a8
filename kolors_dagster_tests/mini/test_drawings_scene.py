from random import Random

import pytest

from kolors_dagster.mini.drawings.scene import (
    ATTRIBUTES,
    INDOORS,
    Scene,
    combination,
    count_combinations,
    is_held_out,
    poses_at,
    sample_scene,
)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    rng = Random(0)
    return [sample_scene(rng) for _ in range(4000)]


def test_there_are_far_more_than_ten_thousand_combinations(scenes):
    assert count_combinations() >= 10_000
    # Drawn by lot, nearly all differ: the count is not only on paper.
    assert len({combination(scene) for scene in scenes}) > 3000


def test_every_value_of_every_attribute_is_drawn(scenes):
    for name, values in ATTRIBUTES.items():
        assert {getattr(scene, name) for scene in scenes} == set(values), name


def test_attributes_go_together(scenes):
    for scene in scenes:
        assert not (scene.weather in ("rain", "snow") and scene.place in INDOORS)
        assert scene.pose in poses_at(scene.place)
        assert scene.thing != "umbrella" or scene.place not in INDOORS
        assert scene.thing != "shooting_star" or (scene.time == "night" and scene.weather == "clear")
        assert (scene.thing == "guitar") == (scene.pose == "guitar")
    singing = [scene for scene in scenes if scene.pose == "sing"]
    assert sum(scene.thing == "microphone" for scene in singing) > 0.7 * len(singing)


def test_about_one_combination_in_twenty_is_held_out(scenes):
    assert 0.03 < sum(map(is_held_out, scenes)) / len(scenes) < 0.07
    held_out = next(scene for scene in scenes if is_held_out(scene))
    # What the rule doesn't look at doesn't matter.
    assert is_held_out(Scene(**{**vars(held_out), "skin": "tan", "expression": "calm", "thing": "none"}))


def test_an_unknown_value_is_refused():
    with pytest.raises(ValueError, match=r"hair_colour='plaid' is not one of black"):
        Scene(hair_colour="plaid")
