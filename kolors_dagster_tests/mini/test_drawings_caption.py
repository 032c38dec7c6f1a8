import re
from random import Random

import pytest

from kolors_dagster.mini.drawings import words
from kolors_dagster.mini.drawings.caption import write_caption, write_full_caption
from kolors_dagster.mini.drawings.scene import Scene, sample_scene


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Scene, str]]:
    rng = Random(1)
    scenes = [sample_scene(rng) for _ in range(4000)]
    return [(scene, write_caption(scene, rng)) for scene in scenes]


def _said(caption: str, table: dict[str, tuple[str, ...]]) -> set[str]:
    """Return the values of which a word stands in the caption, longer words first."""
    found, rest = set(), caption
    for word, value in sorted(((w, v) for v, ws in table.items() for w in ws), key=lambda p: -len(p[0])):
        if word in rest:
            found.add(value)
            rest = rest.replace(word, "")
    return found


@pytest.mark.parametrize("attribute", ["pose", "thing", "time", "weather", "framing", "expression", "place"])
def test_a_caption_says_nothing_that_the_scene_does_not_show(pairs, attribute):
    table = {
        "pose": words.POSES, "thing": words.THINGS, "time": words.TIMES, "weather": words.WEATHER,
        "framing": words.FRAMINGS, "expression": words.EXPRESSIONS, "place": words.PLACES,
    }[attribute]  # fmt: skip
    said = 0
    for scene, caption in pairs:
        # A cat sits, whatever the figure does, and the name of a concert has singing in it.
        for other in (*words.THINGS["cat"], "演唱会") if attribute == "pose" else ():
            caption = caption.replace(other, "")
        values = _said(caption, table)
        if attribute == "expression":
            values -= {"closed"}
        if attribute == "pose":
            values -= {"sit"} if scene.pose in ("chin", "read") else set()
        assert values <= {getattr(scene, attribute)}, caption
        said += bool(values)
    # With the attribute and without it.
    assert 0.1 * len(pairs) < said or attribute == "weather"
    assert said < len(pairs)


def test_colours_and_lengths_are_those_of_the_scene(pairs):
    hair_said = dress_said = 0
    for scene, caption in pairs:
        allowed = {words.COLOURS[scene.hair_colour], words.COLOURS[scene.dress_colour]}
        if scene.thing in words.COLOURED_THINGS:
            allowed.add(words.COLOURS[scene.thing_colour])
        assert set(re.findall("|".join(words.COLOURS.values()), caption)) <= allowed, caption
        for colour, _ in re.findall(r"(.色)(短发|齐肩发|长发|头发)", caption):
            assert colour == words.COLOURS[scene.hair_colour]
            hair_said += 1
        for length in re.findall("齐肩发|短发|长发", caption):
            assert length == words.LENGTHS[scene.hair_length]
        cuts = "|".join(words.CUTS[scene.dress_cut])
        for colour in re.findall(rf"(.色)(?:{cuts})", caption):
            assert colour == words.COLOURS[scene.dress_colour]
            dress_said += 1
    assert 0.6 * len(pairs) < hair_said < len(pairs)
    assert 0.5 * len(pairs) < dress_said < len(pairs)


def test_one_scene_has_many_captions():
    scene = Scene(hair_colour="purple", pose="chin", place="home")
    captions = {write_caption(scene, Random(i)) for i in range(300)}
    assert len(captions) > 100
    assert any(
        "紫色短发" in caption and "家里的沙发上" in caption and "双手托腮" in caption for caption in captions
    )


def test_captions_are_clean_chinese(pairs):
    for _, caption in pairs:
        assert re.fullmatch(r"[\u4e00-\u9fff，、。]+", caption), caption
        assert not re.search("的的|，，|的。|的，|着着|在在|上上|里里|^，|，。", caption), caption


def test_a_full_caption_says_hair_dress_place_and_pose_of_every_scene():
    rng = Random(2)
    for _ in range(1000):
        scene = sample_scene(rng)
        caption = write_full_caption(scene, rng)
        assert words.COLOURS[scene.hair_colour] in caption
        assert words.LENGTHS[scene.hair_length] in caption
        dresses = [words.COLOURS[scene.dress_colour] + cut for cut in words.CUTS[scene.dress_cut]]
        assert any(dress in caption for dress in dresses)
        assert any(place in caption for place in words.PLACES[scene.place])
        said = (*words.POSES[scene.pose], *{"sit": ("坐在",), "stand": ("站在",)}.get(scene.pose, ()))
        assert any(word in caption for word in said)
