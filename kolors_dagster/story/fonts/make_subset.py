"""Make EightPanelKai.ttf, the font of story pages, from Debian's LXGW WenKai.

apt-get download fonts-lxgw-wenkai unicode-data
dpkg-deb -x fonts-lxgw-wenkai_*.deb root && dpkg-deb -x unicode-data_*.deb root
python make_subset.py root EightPanelKai.ttf
"""

import bz2
import re
import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FAMILY, FAMILY_ZH = "Eight Panel Kai", "八格楷"
# Copyright, version, licence and its address stay; whatever holds a reserved name is written anew.
KEPT_NAMES = {0, 5, 13, 14}


def wanted_characters(root: Path) -> set[int]:
    """Return GB 2312, China's standard list of 8,105 characters (names need it), Latin and punctuation."""
    rows = (bytes([row, cell]) for row in range(0xA1, 0xF8) for cell in range(0xA1, 0xFF))
    gb2312 = {ord(text) for text in (pair.decode("gb2312", errors="ignore") for pair in rows) if text}
    unihan = bz2.decompress((root / "usr/share/unicode/Unihan_OtherMappings.txt.bz2").read_bytes()).decode()
    standard = {int(code, 16) for code in re.findall(r"^U\+([0-9A-F]+)\tkTGH\t", unihan, re.M)}
    latin = {*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x2010, 0x2040)}
    return gb2312 | standard | latin


def main(root: Path, target: Path) -> None:
    """Subset the font, drop what Pillow's basic layout never reads, and give it a name of its own."""
    font = TTFont(root / "usr/share/fonts/truetype/lxgw-wenkai/LXGWWenKai-Regular.ttf", recalcTimestamp=False)
    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True, name_IDs=["*"])
    options.drop_tables += ["BASE", "GDEF", "GSUB", "gasp", "vhea", "vmtx"]
    options.name_languages = ["*"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=wanted_characters(root))
    subsetter.subset(font)
    table = font["name"]
    table.names = [record for record in table.names if record.nameID in KEPT_NAMES]
    for name_id, text in ((1, FAMILY), (2, "Regular"), (3, FAMILY), (4, FAMILY), (6, target.stem)):
        table.setName(text, name_id, 3, 1, 0x409)
    table.setName(FAMILY_ZH, 1, 3, 1, 0x804)
    table.setName("Regular", 2, 3, 1, 0x804)
    font.save(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
