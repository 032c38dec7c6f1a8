from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from kolors_dagster.story.font import replace_missing
from kolors_dagster.story.page import _DRAFT, WIDTH, Page, compose_page, find_misfits
from kolors_dagster_tests.story.pictures import COLOURS, write_panels

CAPTIONS = [f"第{number}句，她慢慢走到了窗前。" for number in "一二三四五六七八"]
LONG = "她把这些年没有说出口的话都写进了一首歌里，然后在一个下着雨的晚上，唱给了整座城市听。"
PAPER = (248, 244, 234)


def find_panel(page: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Return the box (left, top, right, bottom) of the pixels that have exactly this colour."""
    rows, columns = np.nonzero((np.asarray(page) == colour).all(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def has_ink(page: Image.Image, box: tuple[int, int, int, int]) -> bool:
    return bool((np.asarray(page.crop(box)).max(axis=2) < 90).any())


@pytest.fixture
def panels(tmp_path: Path) -> list[Path]:
    return write_panels(tmp_path)


def test_pictures_stand_in_reading_order_with_their_captions_above(panels: list[Path]):
    page = compose_page("星愿", CAPTIONS, panels, "二次元")
    assert (page.image.mode, page.image.width) == ("RGB", WIDTH)
    assert (page.overflowing, page.missing) == ((), ())
    boxes = [find_panel(page.image, colour) for colour in COLOURS]
    assert boxes == sorted(boxes, key=lambda box: (box[1], box[0]))
    assert len({box[0] for box in boxes}) == 2 and len({box[1] for box in boxes}) == 4
    for left, top, right, bottom in boxes:
        assert right - left == bottom - top  # square panels stay square
        assert has_ink(page.image, (left + 60, top - 60, right, top - 4))
    assert has_ink(page.image, (300, 100, WIDTH - 300, boxes[0][1] - 100))  # the title
    assert page.image.getpixel((0, 0)) == page.image.getpixel((WIDTH - 1, page.image.height - 1)) == PAPER


def test_a_draft_says_so_above_its_title_and_moves_nothing(panels: list[Path]):
    title = "长" * 60  # as high as a title gets, so that the mark has no more room than this
    final, draft = (compose_page(title, CAPTIONS, panels, draft=draft) for draft in (False, True))
    assert final.image.size == draft.image.size and draft.missing == ()
    left, top, right, bottom = ImageChops.difference(final.image, draft.image).getbbox() or (0, 0, 0, 0)
    assert 30 < top < bottom < 90 and abs((left + right) / 2 - WIDTH / 2) < 4
    above = np.asarray(final.image.crop((left, top, right, bottom)))
    assert (above == PAPER).all()  # the mark covers nothing
    assert replace_missing(_DRAFT) == (_DRAFT, [])


def test_nothing_touches_the_edges_or_the_pictures_beside(panels: list[Path]):
    page = compose_page("长" * 30, [LONG] * 8, panels, "字" * 20).image
    boxes = [find_panel(page, colour) for colour in COLOURS]
    for strip in ((0, 0, 90, page.height), (WIDTH - 90, 0, WIDTH, page.height)):
        assert not has_ink(page, strip)
    gutter = (boxes[0][2] + 20, boxes[0][1] - 150, boxes[1][0] - 1, boxes[7][3])
    assert not has_ink(page, gutter)


def test_forty_characters_fit_and_more_is_cut_and_told(panels: list[Path]):
    assert 40 <= len(LONG) <= 44
    assert compose_page("题", [LONG] * 8, panels).overflowing == ()
    captions = [*CAPTIONS[:4], LONG * 2, *CAPTIONS[5:]]
    page = compose_page("题" * 60, captions, panels)
    assert page.overflowing == (0, 5)  # the title and the fifth caption


def test_a_missing_glyph_is_told_and_does_not_stop_the_page(panels: list[Path]):
    page = compose_page("星👧", [*CAPTIONS[:7], "她叫𠮷，👧。"], panels)
    assert page.missing == ("👧", "𠮷")


def test_empty_captions_leave_no_seal(panels: list[Path]):
    page = compose_page("题", [""] * 8, panels).image
    box = find_panel(page, COLOURS[2])
    assert not has_ink(page, (box[0] - 10, box[1] - 80, box[2], box[1] - 30))


def test_panels_keep_their_shape(tmp_path: Path):
    page = compose_page("题", CAPTIONS, write_panels(tmp_path, (96, 64))).image
    left, top, right, bottom = find_panel(page, COLOURS[0])
    assert (right - left) / (bottom - top) == pytest.approx(1.5, abs=0.01)


def test_same_inputs_give_the_same_page(panels: list[Path]):
    def compose() -> Page:
        return compose_page("星愿", CAPTIONS, panels, "二次元")

    assert compose().image.tobytes() == compose().image.tobytes()


def test_eight_captions_and_panels_or_nothing(panels: list[Path]):
    with pytest.raises(ValueError, match="7 and 8"):
        compose_page("题", CAPTIONS, panels[:7])
    with pytest.raises(ValueError, match="8 and 9"):
        compose_page("题", [*CAPTIONS, "多"], panels)


def test_what_does_not_fit_is_found_without_any_picture(panels: list[Path]):
    assert find_misfits("星愿", [LONG] * 8) == []
    captions = [*CAPTIONS[:4], LONG * 2, *CAPTIONS[5:7], "囍"]
    title, fifth, font = find_misfits("题" * 60, captions)
    page = compose_page("题" * 60, captions, panels)
    assert (page.overflowing, page.missing) == ((0, 5), ("囍",))  # the page agrees
    assert "the title" in title and "panel 5" in fifth and "……" in fifth and "囍" in font
