"""The pictures of a training side by side, to see at a glance what the steps changed."""

from collections.abc import Mapping

from PIL import Image, ImageDraw, ImageFont

_COLUMNS = 8
_SIDE = 256  # pixels of a picture at most
_GAP = 8
_LABEL = 24
_PAPER, _INK = (244, 243, 240), (60, 60, 66)


def draw_validation_strip(pictures: Mapping[int, Image.Image]) -> Image.Image:
    """Return the pictures (by step, all of one size) in order, eight in a row, each over its step (RGB)."""
    steps = sorted(pictures)
    small = {step: pictures[step].copy() for step in steps}
    for picture in small.values():
        picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    width, height = small[steps[0]].size
    columns = min(_COLUMNS, len(steps))
    rows = -(-len(steps) // columns)
    size = (columns * (width + _GAP) + _GAP, rows * (height + _LABEL + _GAP) + _GAP)
    strip = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(strip)
    for place, step in enumerate(steps):
        left = _GAP + place % columns * (width + _GAP)
        top = _GAP + place // columns * (height + _LABEL + _GAP)
        strip.paste(small[step], (left, top))
        middle = (left + width // 2, top + height + _LABEL // 2)
        draw.text(middle, f"step {step}", fill=_INK, font=ImageFont.load_default(14), anchor="mm")
    return strip
