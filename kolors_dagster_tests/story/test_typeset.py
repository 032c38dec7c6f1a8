"""Where Chinese lines break, checked over many texts, sizes and widths."""

import random
import re
from itertools import pairwise

import pytest

from kolors_dagster.paths import PROJECT_ROOT
from kolors_dagster.specs import load_story
from kolors_dagster.story.font import load_font
from kolors_dagster.story.typeset import break_lines, cut_lines, set_line

TEXTS = [
    "窗外的夏天很吵，她的夏天却没有声音。",
    "朋友递来一张票：“今晚，去听一场《真正的歌》吧！”",
    "灯亮起的那一刻，她忘了鼓掌——原来一个人的声音，可以把整片夜空点亮……",
    "第37次录音，CD-R里还是跑调的自己（和Mary-Jane's guitar）……",
    "「“《【（层层叠叠）】》”」！？。",
    "她说：『好。』然后，把 3.14 和 100% 都写进了 A4 纸里，走了。",
    "A plain English caption, with a rather long word: incomprehensibilities.",
    "。，、；：！？",
    "……——",
]
NOT_FIRST = "，。、；：！？）」』》】”’…·％"
NOT_LAST = "（「『《【“‘"


def random_text(rng: random.Random) -> str:
    parts = ["星", "愿", "她唱歌", "，", "。", "！？", "——", "……", "「", "」", "《", "》", "“", "”", " "]
    return (
        "".join(rng.choices([*parts, "Kolors", "3.5", "、", "（", "）"], k=rng.randint(1, 40))).strip()
        or "星"
    )


ALL_TEXTS = TEXTS + [random_text(random.Random(seed)) for seed in range(60)]


@pytest.mark.parametrize("measure_in_ems", [11.3, 12.9, 14.7, 20.0])
def test_no_line_breaks_a_rule(measure_in_ems: float):
    size = 20
    for text in ALL_TEXTS:
        lines = break_lines(text, size, measure_in_ems * size)
        shown = [line.text for line in lines]
        assert re.sub(r"\s", "", "".join(shown)) == re.sub(r"\s", "", text)  # nothing lost, nothing moved
        for before, after in pairwise(shown):
            assert after[0] not in NOT_FIRST, (text, shown)
            assert before[-1] not in NOT_LAST, (text, shown)
            assert not (before[-1] == after[0] and after[0] in "—…"), (text, shown)
            assert not (before[-1].isascii() and after[0].isascii() and f"{before[-1]}{after[0]}" in text), (
                text,
                shown,
            )


def test_lines_fit_their_measure_unless_nothing_in_them_may_break():
    size, measure = 20, 14.7 * 20
    for text in ALL_TEXTS:
        for line in break_lines(text, size, measure):
            assert line.width <= measure, (text, line.text)


def test_no_more_lines_than_it_takes():
    """A greedy setting is the shortest there is; ours is as short, and only its breaks are better."""
    size, measure = 20, 12 * 20
    text = "灯亮起的那一刻她忘了鼓掌原来一个人的声音可以把整片夜空点亮"
    assert len(break_lines(text, size, measure)) == -(-len(text) // 12)
    assert len(break_lines(text[:24], size, measure)) == 2


def test_breaks_go_where_one_would_breathe():
    def broken(text: str) -> list[str]:
        return [line.text for line in break_lines(text, 20, 14.7 * 20)]

    assert broken("窗外的夏天很吵，她的夏天却没有声音。") == ["窗外的夏天很吵，", "她的夏天却没有声音。"]
    assert broken("流星划过，她闭上眼睛：「请让我，也被听见。」") == [
        "流星划过，她闭上眼睛：",
        "「请让我，也被听见。」",
    ]
    assert broken("也撑着它等过一个人，伞很大，够两个人躲雨。") == [
        "也撑着它等过一个人，",  # as even as the marks allow
        "伞很大，够两个人躲雨。",
    ]
    # Sixteen characters in a line of fourteen: no leftover of two, no line that opens with a particle.
    assert min(map(len, broken("一个人的声音可以点亮整片的夜空"))) >= 4
    assert not any(line[0] in "的了" for line in broken("那天晚上唱到最后最亮的那颗星的名字的人"))


def test_marks_that_meet_close_up_and_marks_at_the_ends_hang():
    size = 40
    em = load_font(size).getlength("星")
    assert em == size

    def width(text: str) -> float:
        return set_line(list(text), size).width

    assert width("星星") == 2 * em
    assert width("星，星") == 3 * em
    assert width("星。」星") == 3.5 * em
    assert width("星）（星") == 3.5 * em
    assert width("《「星") == pytest.approx(2 * em)  # both give up their blank half
    assert width("星。") == 1.5 * em
    first, x = set_line(list("「星"), size).pieces[0]
    assert (first, x) == ("「", -0.5 * em)


def test_latin_has_air_around_it():
    apart = set_line(["第", "37", "次"], 40).width - sum(map(load_font(40).getlength, ["第", "37", "次"]))
    assert apart == pytest.approx(2 * 0.2 * 40)
    assert set_line(["，", "37"], 40).width == pytest.approx(40 + load_font(40).getlength("37"))


def test_a_word_wider_than_the_line_is_split():
    lines = break_lines("x" * 60, 20, 100)
    assert all(line.width <= 100 for line in lines)
    assert "".join(line.text for line in lines) == "x" * 60


def test_folded_yaml_lines_leave_no_hole_in_chinese():
    assert [line.text for line in break_lines("星星\n  落下 a\nb", 20, 400)] == ["星星落下 a b"]


@pytest.mark.parametrize("length", range(30, 70, 3))
def test_a_cut_text_ends_in_an_ellipsis_within_its_lines(length: int):
    text = ("星愿，歌声。「灯」" * 10)[:length]
    lines = cut_lines(text, 20, 10 * 20, 3)
    assert len(lines) <= 3
    whole = "".join(line.text for line in lines)
    if len(break_lines(text, 20, 10 * 20)) <= 3:
        assert whole == text
    else:
        assert whole.endswith("……") and whole.count("…") == 2
        assert text.startswith(whole.removesuffix("……")) and len(whole) > 20
        assert whole[-3] not in "，。「"


def test_no_lines_of_nothing():
    assert break_lines("", 20, 100) == []
    assert break_lines("  \n ", 20, 100) == []


@pytest.mark.parametrize("story", ["star-wish", "red-umbrella"])
def test_shipped_captions_take_two_lines_at_most(story: str):
    panels = load_story(PROJECT_ROOT / f"data/stories/{story}.yaml").panels
    lines = [[line.text for line in break_lines(panel.caption, 36, 528)] for panel in panels]
    assert max(map(len, lines)) <= 2
