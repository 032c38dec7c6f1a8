"""Prompts with and without what each rule is about; a rule that fires too often is as bad as a silent one."""

from pathlib import Path

import pytest

from kolors_dagster.kolors.tokens import split_at_limit
from kolors_dagster.mini.config import TOKENIZER_MODEL
from kolors_dagster.paths import PROJECT_ROOT
from kolors_dagster.specs import PanelSpec, load_story, load_style, resolve_panel
from kolors_dagster.story.lint import Cut, Draft, lint_panel

STYLES = {"anime": "二次元", "ink-wash": "水墨画", "flat": "二次元，平涂风格"}
PEOPLE = {
    "女孩": "一个紫色短发的女孩",
    "阿明": "一个黑发男孩",
    "Mia": "a girl with long purple hair",
    "爷爷": "一个银白色头发的老人",
    "他": "穿着蓝色外套",
}
GUARD = "手指畸形"


def find_cut(text: str) -> Cut | None:
    tokens, read, ignored = split_at_limit(TOKENIZER_MODEL, text)
    return Cut(tokens, read, ignored) if ignored else None


def lint(prompt: str, negative: str = GUARD, style: str | None = None) -> list[tuple[str, str]]:
    panel = PanelSpec(prompt=prompt, negative_prompt=negative)
    resolved = resolve_panel(panel, 1, PEOPLE, "模糊")
    found = lint_panel(Draft(prompt, PEOPLE, resolved, STYLES, style, find_cut))
    return [(finding.rule, finding.problem) for finding in found]


def rules(prompt: str, negative: str = GUARD, style: str | None = None) -> list[str]:
    return [rule for rule, _ in lint(prompt, negative, style)]


@pytest.mark.parametrize(
    "story", sorted((PROJECT_ROOT / "data" / "stories").glob("*.yaml")), ids=lambda p: p.stem
)
def test_the_shipped_stories_are_clean_in_every_style(story: Path) -> None:
    spec = load_story(story)
    styles = {
        path.stem: load_style(path).trigger_words
        for path in (PROJECT_ROOT / "data" / "styles").glob("*.yaml")
    }
    assert len(styles) >= 4
    for style in (None, *styles):
        for number, panel in enumerate(spec.panels, 1):
            draft = Draft(panel.prompt, spec.characters, spec.resolve(number), styles, style, find_cut)
            assert lint_panel(draft) == [], (style, number)


@pytest.mark.parametrize(
    ("prompt", "style", "named"),
    [
        ("水墨画，{女孩}在海边", None, "水墨画"),
        ("水墨画，{女孩}在海边", "anime", "水墨画"),
        ("水墨画，{女孩}在海边", "ink-wash", None),
        ("{女孩}看着墙上的水墨画", "anime", None),
        ("{女孩}在海边，油画，傍晚", None, "油画"),
        ("墙上挂着一幅油画", None, None),
        ("{女孩}在海边，吉卜力风格", None, "吉卜力风格"),
        ("{女孩}穿着复古风格的裙子", None, None),
        ("平涂风格，{女孩}", "flat", None),
        ("动漫，{女孩}", "anime", None),  # the same way of drawing by another name
        ("动漫，{女孩}", "ink-wash", "动漫"),
        ("a girl by the sea, watercolor, evening", None, "watercolor"),
        ("a girl by the sea, in the style of Monet", None, "in the style of Monet"),
        ("a girl paints in watercolor by the sea", None, None),
    ],
)
def test_naming_a_way_of_drawing(prompt: str, style: str | None, named: str | None) -> None:
    found = [problem for rule, problem in lint(prompt, style=style) if rule == "style"]
    assert len(found) == (named is not None)
    assert named is None or f"“{named}”" in found[0]


@pytest.mark.parametrize(
    "prompt",
    [
        "{女孩}，金色长发，站着",
        "{女孩}，一头银发",
        "金色头发的{女孩}",
        "{女孩}，头发染成了金色",
        "{女孩}，披肩长发",
        "{女孩}，黑色双马尾",
        "{Mia} with blonde hair",
        "{Mia}, short hair, smiling",
        "a red-haired {Mia}",
        "{女孩}牵着{阿明}，红发",
    ],
)
def test_a_look_that_contradicts_the_character(prompt: str) -> None:
    assert "look" in rules(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "{女孩}，紫色短发",
        "{女孩}，蓝紫色短发",
        "{女孩}和一个金发男孩",
        "{女孩}，旁边站着一个金色长发的姑娘",
        "{女孩}戴着红色发带和金色发夹",
        "{女孩}，白色的蝴蝶停在头发上",
        "{女孩}，长长的红色围巾",
        "{女孩}发现了金色的光",
        "{女孩}，黑色长发的人偶娃娃坐在桌上",
        "一个金色长发的小女孩，{他}",
        "{他}，黑色短发",
        "{爷爷}，白发苍苍",
        "{Mia} and a boy with black hair",
        "{Mia}, golden light, wearing a black hairband",
    ],
)
def test_a_look_that_contradicts_nothing(prompt: str) -> None:
    assert "look" not in rules(prompt)


@pytest.mark.parametrize(
    ("prompt", "negative", "warned"),
    [
        ("{女孩}双手合十", "", True),
        ("{女孩}双手合十", "bad hands", False),
        ("{女孩}双手合十", "多余的手指", False),
        ("{女孩}弹吉他", "", True),
        ("a girl holding a microphone", "", True),
        ("a girl waving", "extra fingers", False),
        ("歌手站在舞台上，看手机", "", False),
        ("一位水手和他的助手", "", False),
        ("a handsome boy with a handbag", "", False),
    ],
)
def test_hands_that_nothing_watches_over(prompt: str, negative: str, warned: bool) -> None:
    assert ("hands" in rules(prompt, negative)) is warned


def test_a_text_that_is_cut_says_after_which_words() -> None:
    long = "，".join(f"第{n}朵云" for n in range(120))
    found = [problem for rule, problem in lint(f"{{女孩}}，{long}") if rule == "length"]
    assert len(found) == 1 and "the prompt has" in found[0]
    # What it says is cut is what the tokenizer's own truncation leaves out, trigger words included.
    _, read, ignored = split_at_limit(TOKENIZER_MODEL, f"二次元，平涂风格，{PEOPLE['女孩']}，{long}")
    assert read.endswith(found[0].split("“…")[1].split("”")[0])
    assert ignored.startswith(found[0].split("ignored: “")[1].rstrip("…”"))
    assert "length" not in rules("{女孩}在海边")


def test_text_is_missed_when_the_negative_prompts_end_is_cut_off() -> None:
    # It is always the last term, so it is the first that a long negative prompt loses.
    assert rules("{女孩}", "，".join(f"{n}号坏东西" for n in range(120))) == ["text", "length"]
