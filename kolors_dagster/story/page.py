"""The page people share: a title, and eight panels with their captions above them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from kolors_dagster.specs import PANELS
from kolors_dagster.story.font import GETA, load_font, replace_missing
from kolors_dagster.story.typeset import Line, break_lines, cut_lines

WIDTH = 1440
_MARGIN, _GUTTER = 104, 56
_CELL = (WIDTH - 2 * _MARGIN - _GUTTER) // 2
_PAPER, _INK, _GREY, _VERMILION = "#F8F4EA", "#2C2724", "#8C8378", "#B3412E"
_TITLE_TOP, _TITLE_SIZE, _TITLE_SMALLEST, _TITLE_LEADING = 100, 92, 60, 1.3
_TRACKING = 0.16  # of an em, between the characters of the title
_CAPTION_SIZE, _CAPTION_SMALLEST, _CAPTION_LINES = 36, 27, 3
_LEADING = 1.5
_SEAL, _SEAL_GAP = 46, 18
_NUMBERS = "一二三四五六七八"
_FOOTER_SIZE = 28
_DRAFT, _DRAFT_SIZE = "草稿 · draft", 34


@dataclass(frozen=True)
class Page:
    """A page, what was cut to fit (1 to 8: a caption, 0: the title), and characters the font lacks."""

    image: Image.Image
    overflowing: tuple[int, ...]
    missing: tuple[str, ...]


def compose_page(
    title: str, captions: Sequence[str], panels: Sequence[Path], footer: str = "", *, draft: bool = False
) -> Page:
    """Lay out a story: 1440 pixels wide, as high as it needs, RGB; 2 columns × 4 rows in reading order.

    All captions have one size, the largest at which each fits in three lines; one that does not even fit at
    the smallest is cut and reported. Panels keep their shape. A draft says so above its title, where nothing
    has to move for it. Raises ValueError unless there are eight.
    """
    if not len(captions) == len(panels) == PANELS:
        raise ValueError(f"a page has {PANELS} panels and captions, not {len(panels)} and {len(captions)}")
    texts, missing = zip(*(replace_missing(text) for text in (title, footer, *captions)), strict=True)
    title, footer, *captions = texts
    size, settings, overflowing = _set_captions(captions)
    pictures = _load_panels(panels)
    title_size, title_lines, title_cut = _set_title(title)
    rows = [range(first, first + 2) for first in range(0, PANELS, 2)]
    line_height = round(size * _LEADING)
    heads = [max(len(settings[i]) for i in row) * line_height for row in rows]
    row_gap, picture_height = 72, pictures[0].height
    top = _TITLE_TOP + round(len(title_lines) * title_size * _TITLE_LEADING) + 104
    bottom = 150 if footer else 104
    height = top + sum(heads) + len(rows) * (picture_height + 14) + (len(rows) - 1) * row_gap + bottom
    page = Image.new("RGB", (WIDTH, height), _PAPER)
    draw = ImageDraw.Draw(page)
    if draft:
        font = load_font(_DRAFT_SIZE)
        draw.text((WIDTH / 2, _TITLE_TOP / 2 + 8), _DRAFT, _VERMILION, font, anchor="mm")
    _draw_title(draw, title_lines, title_size)
    y = top
    for row, head in zip(rows, heads, strict=True):
        for column, index in enumerate(row):
            x = _MARGIN + column * (_CELL + _GUTTER)
            # Text stands on its picture: the shorter caption of a row starts lower.
            first = y + head - len(settings[index]) * line_height
            if settings[index]:
                _draw_seal(draw, _NUMBERS[index], x, first + (line_height - _SEAL) // 2)
            for number, line in enumerate(settings[index]):
                _draw_line(draw, line, x + _SEAL + _SEAL_GAP, first + number * line_height, size, _INK)
            _paste_panel(page, pictures[index], x, y + head + 14)
        y += head + 14 + picture_height + row_gap
    if footer:
        draw.text((WIDTH / 2, height - 72), footer, _GREY, load_font(_FOOTER_SIZE), anchor="mm")
    return Page(
        page,
        (0, *overflowing) if title_cut else overflowing,
        tuple(dict.fromkeys(c for found in missing for c in found)),
    )


def find_misfits(title: str, captions: Sequence[str]) -> list[str]:
    """Return what of a story's words does not fit the page: too long for its place, or not in the font."""
    texts, missing = zip(*(replace_missing(text) for text in (title, *captions)), strict=True)
    _, lines, overflowing = _set_captions(texts[1:])
    problems = [
        f"the caption of panel {number} is too long: of {_CAPTION_LINES} lines, the page shows "
        f"“{''.join(line.text for line in lines[number - 1])}”"
        for number in overflowing
    ]
    if _set_title(texts[0])[2]:
        problems.insert(0, "the title is too long: it is cut after two lines")
    absent = dict.fromkeys(character for found in missing for character in found)
    if absent:
        problems.append(f"the font has no {' '.join(absent)}: shown as {GETA}")
    return problems


def _set_captions(captions: Sequence[str]) -> tuple[int, list[list[Line]], tuple[int, ...]]:
    measure = _CELL - _SEAL - _SEAL_GAP
    for size in range(_CAPTION_SIZE, _CAPTION_SMALLEST - 1, -1):
        settings = [break_lines(caption, size, measure) for caption in captions]
        overflowing = tuple(n for n, lines in enumerate(settings, 1) if len(lines) > _CAPTION_LINES)
        if not overflowing:
            return size, settings, ()
    return size, [cut_lines(caption, size, measure, _CAPTION_LINES) for caption in captions], overflowing


def _load_panels(panels: Sequence[Path]) -> list[Image.Image]:
    """Return the panels in the first one's shape, as wide as a column; others are shown whole on paper."""
    pictures = []
    for path in panels:
        with Image.open(path) as panel:
            pictures.append(panel.convert("RGB"))
    size = (_CELL, round(_CELL * pictures[0].height / pictures[0].width))
    return [ImageOps.pad(picture, size, Image.Resampling.LANCZOS, _PAPER) for picture in pictures]


def _set_title(title: str) -> tuple[int, list[str], bool]:
    """Return the title's size, its one or two lines, and whether it was cut."""
    measure = WIDTH - 2 * _MARGIN
    for size in range(_TITLE_SIZE, _TITLE_SMALLEST - 1, -2):
        if _spaced_width(title, size) <= measure:
            return size, [title], False
    # The measure leaves room for the spacing that break_lines knows nothing of.
    narrow = measure / (1 + _TRACKING)
    lines = cut_lines(title, size, narrow, 2)
    return size, [line.text for line in lines], len(break_lines(title, size, narrow)) > 2


def _spaced_width(title: str, size: int) -> float:
    return load_font(size).getlength(title) + (len(title) - 1) * _TRACKING * size


def _draw_title(draw: ImageDraw.ImageDraw, lines: Sequence[str], size: int) -> None:
    font, line_height = load_font(size), size * _TITLE_LEADING
    for number, line in enumerate(lines):
        x, y = (WIDTH - _spaced_width(line, size)) / 2, _TITLE_TOP + (number + 0.5) * line_height
        for character in line:
            draw.text((x, y), character, _INK, font, anchor="lm")
            x += font.getlength(character) + _TRACKING * size
    middle, rule = WIDTH // 2, round(_TITLE_TOP + len(lines) * line_height + 36)
    for side in (-1, 1):
        ends = sorted((middle + side * 22, middle + side * 150))
        draw.line([(ends[0], rule), (ends[1], rule)], fill=_GREY, width=1)
    draw.polygon([(middle - 7, rule), (middle, rule - 7), (middle + 7, rule), (middle, rule + 7)], _VERMILION)


def _draw_seal(draw: ImageDraw.ImageDraw, number: str, x: int, y: int) -> None:
    draw.rounded_rectangle((x, y, x + _SEAL - 1, y + _SEAL - 1), radius=7, fill=_VERMILION)
    draw.text((x + _SEAL / 2, y + _SEAL / 2), number, _PAPER, load_font(_SEAL - 14), anchor="mm")


def _draw_line(draw: ImageDraw.ImageDraw, line: Line, x: int, y: int, size: int, colour: str) -> None:
    middle = y + size * _LEADING / 2
    for piece, offset in line.pieces:
        draw.text((x + offset, middle), piece, colour, load_font(size), anchor="lm")


def _paste_panel(page: Image.Image, picture: Image.Image, x: int, y: int) -> None:
    """Paste a picture with rounded corners on a soft shadow."""
    radius, blur, scale = 10, 12, 4
    large = Image.new("L", (picture.width * scale, picture.height * scale), 0)
    ImageDraw.Draw(large).rounded_rectangle((0, 0, large.width - 1, large.height - 1), radius * scale, 255)
    mask = large.resize(picture.size, Image.Resampling.BOX)
    room = 4 * blur
    around = (picture.width + 2 * room, picture.height + 2 * room)
    shadow = Image.new("L", around, 0)
    shadow.paste(mask.point(lambda value: value * 70 // 255), (room, room + 6))
    shadow = shadow.filter(ImageFilter.GaussianBlur(blur))
    page.paste(Image.new("RGB", around, "#4A3B2A"), (x - room, y - room), shadow)
    page.paste(picture, (x, y), mask)
