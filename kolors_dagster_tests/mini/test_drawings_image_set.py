import subprocess
import sys
from random import Random

import pytest
from PIL import Image

from kolors_dagster.errors import UserError
from kolors_dagster.mini.drawings import DRAWING_VERSION, draw_style_images
from kolors_dagster.mini.drawings.image_set import choose_size, is_due
from kolors_dagster.mini.drawings.render import STYLES
from kolors_dagster.mini.drawings.scene import ATTRIBUTES, sample_scene


def test_an_image_depends_on_drawing_seed_and_index_alone(tmp_path):
    one = draw_style_images("anime", tmp_path / "a", 1, seed=3)
    two = draw_style_images("anime", tmp_path / "b", 2, seed=3)
    assert one[0].caption == two[0].caption
    assert one[0].path.read_bytes() == two[0].path.read_bytes()
    assert two[0].path.read_bytes() != two[1].path.read_bytes()
    other = draw_style_images("anime", tmp_path / "c", 1, seed=4)
    assert other[0].path.read_bytes() != one[0].path.read_bytes()


@pytest.mark.parametrize("drawing", sorted(STYLES))
def test_files_are_readable_pictures_of_the_chosen_size(drawing, tmp_path):
    (image,) = draw_style_images(drawing, tmp_path, 1, seed=0)
    with Image.open(image.path) as picture:
        picture.load()
        assert picture.mode == "RGB"
        assert picture.size == choose_size(0, Random(f"{drawing}/0/0"))
    assert image.path.stat().st_size < 1_000_000
    assert sorted(tmp_path.iterdir()) == [image.path]


def test_sizes_are_varied_and_some_fail_the_default_filters():
    sizes = [choose_size(i, Random(i)) for i in range(960)]
    small = sum(min(size) < 1024 for size in sizes) / len(sizes)
    long = sum(not 0.5 <= width / height <= 2 for width, height in sizes) / len(sizes)
    assert small == pytest.approx(1 / 8, abs=0.01)
    assert long == pytest.approx(1 / 10, abs=0.02)
    assert len({width / height for width, height in sizes}) >= 6
    # Data-Juicer wants both sides. An image fails one filter, not both, so that a funnel shows each at work.
    assert not any(min(size) < 1024 and not 0.5 <= size[0] / size[1] <= 2 for size in sizes)


def test_a_small_set_shows_every_place_by_night_and_all_that_know_day_by_day():
    rng = Random(0)
    due = []
    for index in range(39):
        scene = sample_scene(rng)
        while not is_due(scene, index):
            scene = sample_scene(rng)
        due.append((scene.place, scene.time == "night"))
    assert {place for place, night in due if night} == set(ATTRIBUTES["place"])
    assert {place for place, night in due if not night} == {*ATTRIBUTES["place"]} - {"concert", "stage"}


def test_an_unknown_drawing_says_what_there_is(tmp_path):
    with pytest.raises(UserError, match=r"no drawing style 'cubist'(.|\n)*anime, ink_wash"):
        draw_style_images("cubist", tmp_path, 1, seed=0)


def test_the_version_is_cheap_to_import():
    code = (
        "import sys, kolors_dagster.mini.drawings as d;"
        "heavy = {'numpy', 'PIL', 'torch', 'rich'} & set(sys.modules);"
        "print(d.DRAWING_VERSION, sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{DRAWING_VERSION} []"
