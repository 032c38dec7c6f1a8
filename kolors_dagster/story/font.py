"""The font that ships with the project (fonts/README.md says where it comes from)."""

import unicodedata
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont
from PIL import ImageFont

FONT_FILE = Path(__file__).parent / "fonts" / "EightPanelKai.ttf"
# The printers' mark for a piece of type that is not in the case.
GETA = "〓"
# What emoji are joined and varied with: no glyphs of their own.
_INVISIBLE = dict.fromkeys((0x200B, 0x200D, 0xFE0E, 0xFE0F, 0xFEFF))


@cache
def load_font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font at `size` pixels an em; basic layout, so that every machine sets the same page."""
    return ImageFont.truetype(str(FONT_FILE), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _covered() -> frozenset[str]:
    with TTFont(FONT_FILE, lazy=True) as font:
        return frozenset(map(chr, font.getBestCmap()))


def replace_missing(text: str) -> tuple[str, list[str]]:
    """Return `text` with 〓 for each character the font lacks, and those characters, each once, in order."""
    text = unicodedata.normalize("NFC", text).translate(_INVISIBLE)
    missing = [character for character in text if character not in _covered() and not character.isspace()]
    visible = "".join(GETA if character in missing else character for character in text)
    return visible, list(dict.fromkeys(missing))
