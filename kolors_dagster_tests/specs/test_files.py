"""Every mistake in a spec file is told with its file, line, field and a fix."""

from pathlib import Path

import pytest

from kolors_dagster.paths import PROJECT_ROOT
from kolors_dagster.specs import SpecError, load_story, load_style

STYLE = """\
name: mine
trigger_words: 二次元
caption: 一幅画
source:
  kind: embedded
  drawing: anime
training:
  rank: 16
"""
STORY = """\
name: mine
title: 故事
characters:
  女孩: 一个紫发女孩
sampling:
  guidance_scale: 4.0
panels:
""" + "".join(f'  - prompt: "{{女孩}}，第{number}格"\n    caption: 第{number}句\n' for number in range(1, 9))


def write(folder: Path, content: str | bytes, name: str = "mine") -> Path:
    path = folder / f"{name}.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_shipped_files_load():
    styles = {path.stem: load_style(path) for path in (PROJECT_ROOT / "data/styles").glob("*.yaml")}
    stories = {path.stem: load_story(path) for path in (PROJECT_ROOT / "data/stories").glob("*.yaml")}
    assert {name: style.trigger_words for name, style in styles.items()} == {
        "anime": "二次元",
        "ink-wash": "水墨画",
        "watercolour": "水彩画",
        "cyberpunk": "赛博朋克",
    }
    assert {"star-wish", "red-umbrella"} <= set(stories)
    assert len({style.source.model_dump_json() for style in styles.values()}) == len(styles)


def test_star_wish_keeps_her_looks_and_changes_hair_and_dress_only_where_told():
    story = load_story(PROJECT_ROOT / "data/stories/star-wish.yaml")
    prompts = [story.resolve(number).prompt for number in range(1, 9)]
    looks = story.characters["女孩"]
    assert all(prompt.startswith(looks) and prompt.count(looks) == 1 for prompt in prompts)
    lengths = [
        next(word for word in ("短发", "齐肩发", "长发") if f"，{word}，" in prompt) for prompt in prompts
    ]
    dresses = [
        next(word for word in ("白色连衣裙", "蓝色连衣裙", "红色礼服") if word in prompt)
        for prompt in prompts
    ]
    assert lengths == ["短发"] * 3 + ["齐肩发"] * 3 + ["长发"] * 2
    assert dresses == ["白色连衣裙"] * 3 + ["蓝色连衣裙"] * 3 + ["红色礼服"] * 2
    captions = [panel.caption for panel in story.panels]
    assert "头发" in captions[3] and "蓝裙" in captions[3]
    assert "长发" in captions[6] and "红裙" in captions[6]


@pytest.mark.parametrize("story", ["star-wish", "red-umbrella"])
def test_shipped_captions_are_12_to_30_characters(story: str):
    captions = [panel.caption for panel in load_story(PROJECT_ROOT / f"data/stories/{story}.yaml").panels]
    assert [caption for caption in captions if not 12 <= len(caption) <= 30] == []


# (what is replaced in the good file, by what, line and field of the error, a part of the problem, of the fix)
STYLE_MISTAKES = [
    ("  rank: 16", "  rnak: 16", "8: training.rnak", "unknown key", "did you mean 'rank'?"),
    ("  rank: 16", "  colour: 16", "8: training.colour", "unknown key", "keys here: rank, alpha"),
    ("  rank: 16", "  rank: sixteen", "8: training.rank", "a whole number, is 'sixteen'", "a whole number"),
    ("  rank: 16", '  rank: "16"', "8: training.rank", "is '16'", "without quotes: `rank: 16`"),
    ("  rank: 16", "  rank: 0", "8: training.rank", "at least 1, is 0", "at least 1"),
    ("  rank: 16", "  rank: 1.5", "8: training.rank", "a whole number, is 1.5", "a whole number"),
    ("  rank: 16", "  rank:", "8: training.rank", "has no value", "delete the line"),
    ("  rank: 16", "  alpha: .inf", "8: training.alpha", "finite", "change"),
    ("  rank: 16", "  resolution: 100", "8: training.resolution", "a multiple of 8", "96 or 104"),
    ("  rank: 16", "  target_modules: []", "8: training.target_modules", "there are 0", "add 1 more"),
    ("trigger_words: 二次元\n", "", "1: trigger_words", "missing", "add `trigger_words:`"),
    ("trigger_words: 二次元", "trigger_words: '  '", "2: trigger_words", "empty", "write some text"),
    (
        "trigger_words: 二次元",
        "trigger_words: 2024-01-01",
        "2: trigger_words",
        "read as a date",
        '`trigger_words: "2024-01-01"`',
    ),
    (
        "trigger_words: 二次元",
        "trigger_words: yes",
        "2: trigger_words",
        "read as true or false",
        '`trigger_words: "yes"`',
    ),
    ("trigger_words: 二次元", "trigger_words: [a]", "2: trigger_words", "must be text", "followed by text"),
    (
        "trigger_words: 二次元",
        "trigger_words: &a [*a]",
        "2: trigger_words",
        "must be text",
        "followed by text",
    ),
    (
        "trigger_words: 二次元",
        "trigger_words: 甲\ntrigger_words: 乙",
        "3: trigger_words",
        "twice (first on line 2)",
        "keep one",
    ),
    (
        "trigger_words: 二次元",
        "trigger_words: 二次元\n1: x",
        "3: 1",
        "unknown key",
        "keys here: name, trigger_words",
    ),
    ("trigger_words: 二次元", "trigger_words: \x07", "2", "U+0007", "delete it"),
    ("trigger_words: 二次元", "trigger_words: [二次元", "3:8", "not valid YAML", "quotes"),
    ("trigger_words: 二次元", "\ttrigger_words: 二次元", "2:1", "not valid YAML", "indent with spaces"),
    ("trigger_words: 二次元", "trigger_words: !!python/name:os.system", "2:16", "not valid YAML", "quotes"),
    ("name: mine", "name: Mine!", "1: name", "'Mine!' cannot be a name", "a-z"),
    ("name: mine", "name: ..", "1: name", "'..' cannot be a name", "a-z"),
    ("name: mine", "name: other", "1: name", "'other' is not the file's name", "`name: mine`"),
    ("kind: embedded", "kind: embeded", "5: source.kind", "'embeded' is not one of", "'embedded'?"),
    ("  kind: embedded\n", "", "4: source", "`kind:` is missing", "`kind: folder`"),
    ("drawing: anime", "drawing: manga", "6: source.drawing", "'manga' is not one of", "ink_wash"),
    ("drawing: anime", "drawing: anime\n  path: x", "7: source.path", "unknown key", "kind, drawing, count"),
    ("kind: embedded\n  drawing: anime", "kind: folder", "4: source.path", "missing", "add `path:`"),
    ("training:", "process:\n  - {a: {}, b: {}}\ntraining:", "8: process.1", "2 operators", "of its own"),
    ("training:", "process: a\ntraining:", "7: process", "a list", "a list"),
]
STORY_MISTAKES = [
    ('"{女孩}，第4格"', '"{女孩子}，第4格"', "14: panels.4.prompt", "called {女孩子}", "{女孩}?"),
    ('"{女孩}，第4格"', '"{猫}，第4格"', "14: panels.4.prompt", "called {猫}", "under `characters:`"),
    ('"{女孩}，第4格"', '"{女孩，第4格"', "14: panels.4.prompt", "a brace", "{name}"),
    ('"{女孩}，第4格"', "{女孩}，第4格", "14:17", "not valid YAML", "quotes"),
    ("caption: 第8句", "captoin: 第8句", "23: panels.8.captoin", "unknown key", "'caption'?"),
    ("caption: 第8句", "seed: -1", "23: panels.8.seed", "at least 0", "at least 0"),
    ("caption: 第8句", "seed: 7.0", "23: panels.8.seed", "a whole number", "a whole number"),
    ('  - prompt: "{女孩}，第8格"\n    caption: 第8句\n', "", "7: panels", "there are 7", "add 1"),
    ("    caption: 第8句\n", "  - prompt: 第9格\n", "7: panels", "there are 9", "remove 1"),
    ("  女孩: 一个紫发女孩", "  女孩:", "4: characters.女孩", "has no value", "delete"),
    ("  guidance_scale: 4.0", "  guidance_scale: 31", "6: sampling.guidance_scale", "at most 30", "at most"),
]


@pytest.mark.parametrize(("good", "bad", "where", "problem", "fix"), STYLE_MISTAKES)
def test_style_mistakes_are_explained(
    tmp_path: Path, good: str, bad: str, where: str, problem: str, fix: str
):
    check_mistake(write(tmp_path, replace_once(STYLE, good, bad)), load_style, where, problem, fix)


@pytest.mark.parametrize(("good", "bad", "where", "problem", "fix"), STORY_MISTAKES)
def test_story_mistakes_are_explained(
    tmp_path: Path, good: str, bad: str, where: str, problem: str, fix: str
):
    check_mistake(write(tmp_path, replace_once(STORY, good, bad)), load_story, where, problem, fix)


def replace_once(text: str, good: str, bad: str) -> str:
    assert text.count(good) == 1
    return text.replace(good, bad)


def check_mistake(path: Path, load, where: str, problem: str, fix: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(path)
    assert caught.value.problem.startswith(f"{path}:{where}: ")
    assert problem in caught.value.problem
    assert fix in caught.value.fix
    assert "\n" not in str(caught.value).replace("\n  fix: ", "")  # one mistake: one problem, one fix


def test_each_of_several_mistakes_has_its_own_fix_in_the_files_order(tmp_path: Path):
    text = STYLE.replace("trigger_words: 二次元", "triger_words: 二次元").replace(
        "rank: 16", 'steps: "9"\n  seed: -1'
    )
    with pytest.raises(SpecError) as caught:
        load_style(write(tmp_path, text))
    path = tmp_path / "mine.yaml"
    assert str(caught.value).splitlines() == [
        f"{path}:2: triger_words: unknown key",
        "  fix: did you mean 'trigger_words'?",
        f"{path}:8: training.steps: must be a whole number, is '9'",
        "  fix: write it without quotes: `steps: 9`",
        f"{path}:9: training.seed: must be at least 0, is -1",
        "  fix: write `seed:` with a number at least 0",
    ]


@pytest.mark.parametrize("encoding", ["gbk", "utf-16"])
def test_a_file_that_is_not_utf8_is_named_as_what_it_is(tmp_path: Path, encoding: str):
    with pytest.raises(SpecError, match="not UTF-8") as caught:
        load_style(write(tmp_path, STYLE.encode(encoding)))
    assert encoding.upper() in caught.value.fix


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "only words", "# nothing but a comment\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str):
    with pytest.raises(SpecError, match="not a mapping") as caught:
        load_style(write(tmp_path, text))
    assert "`name: mine`" in caught.value.fix


def test_a_missing_file_suggests_its_neighbours(tmp_path: Path):
    write(tmp_path, STYLE)
    with pytest.raises(SpecError, match="no such file") as caught:
        load_style(tmp_path / "mien.yaml")
    assert "did you mean 'mine'?" in caught.value.fix


def test_byte_order_mark_windows_line_ends_and_exponents_are_welcome(tmp_path: Path):
    text = STYLE.replace("rank: 16", "learning_rate: 1e-4").replace("\n", "\r\n")
    assert load_style(write(tmp_path, text.encode("utf-8-sig"))).training.learning_rate == 1e-4


def test_a_character_may_be_called_like_a_kind_of_source(tmp_path: Path):
    text = STORY.replace("女孩: 一个紫发女孩", "女孩: 一个紫发女孩\n  folder: 5")
    with pytest.raises(SpecError, match=r"5: characters\.folder: must be text"):
        load_story(write(tmp_path, text))
