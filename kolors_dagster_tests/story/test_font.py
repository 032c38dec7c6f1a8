from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw

from kolors_dagster.paths import PROJECT_ROOT
from kolors_dagster.specs import load_story
from kolors_dagster.story.font import FONT_FILE, load_font, replace_missing


def test_it_covers_gb2312_and_what_names_need():
    rows = range(0xB0, 0xF8)  # the Chinese characters; punctuation is in row 0xA1 and 0xA3
    pairs = (bytes([row, cell]) for row in (0xA1, 0xA3, *rows) for cell in range(0xA1, 0xFF))
    gb2312 = "".join(pair.decode("gb2312", errors="ignore") for pair in pairs)
    assert len(gb2312) > 6763
    for text in (gb2312, "玥喆堃祎珺〓", "“”‘’—…·「」『』《》", "Kolors-mini éèüñ 0123456789 %"):
        assert replace_missing(text) == (text, [])


def test_shipped_stories_need_nothing_else():
    for path in (PROJECT_ROOT / "data/stories").glob("*.yaml"):
        story = load_story(path)
        assert replace_missing(story.title + "".join(panel.caption for panel in story.panels))[1] == []


def test_what_it_lacks_is_shown_and_told():
    assert replace_missing("cafe\u0301 ❤\ufe0f") == ("café 〓", ["❤"])
    assert replace_missing("星👧愿𠮷👧 \n") == ("星〓愿〓〓 \n", ["👧", "𠮷"])


def test_each_character_has_ink_of_its_own():
    drawn = set()
    for character in "一二三四五六七八星愿，。！〓":
        image = Image.new("L", (64, 64))
        ImageDraw.Draw(image).text((8, 8), character, 255, load_font(40))
        assert image.getbbox() is not None
        drawn.add(image.tobytes())
    assert len(drawn) == 14


def test_its_licence_travels_with_it_and_no_reserved_name_is_used():
    licence = (FONT_FILE.parent / "OFL.txt").read_text(encoding="utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    with TTFont(FONT_FILE, lazy=True) as font:
        names = {record.nameID: str(record) for record in font["name"].names}
        families = [str(record) for record in font["name"].names if record.nameID in (1, 3, 4, 6, 16)]
    assert "LXGW" in names[0] and "LXGW" in licence  # the makers are named
    for reserved in ("LXGW", "霞鹜"):
        assert not any(reserved in family for family in families)
    assert FONT_FILE.stat().st_size < 4.5 * 2**20
