"""`check`: what in the stories' files works against their pictures, found without drawing anything."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from kolors_dagster.defs.lint import find_tokenizer, lint_resolved
from kolors_dagster.defs.resources import chosen_model
from kolors_dagster.defs.sources import read_story, read_style
from kolors_dagster.errors import UserError
from kolors_dagster.files import join_inside
from kolors_dagster.paths import stories_folder, styles_folder
from kolors_dagster.specs.yaml_source import YamlSource, read_yaml
from kolors_dagster.story.page import find_misfits


@dataclass(frozen=True)
class Message:
    """One line of the answer; an error is a file that cannot be used, `line` where in the file to look."""

    severity: Literal["error", "warning"]
    file: str
    line: int | None
    panel: int | None
    rule: str
    problem: str
    fix: str


def print_check(stories: Sequence[str], style: str | None, *, as_json: bool) -> bool:
    """Lint the stories named, or all, for one style or for any; return whether every file can be used."""
    messages = list(_check_styles([style] if style else _names(styles_folder())))
    usable = style if style and not messages else None
    for story in stories or _names(stories_folder()):
        messages += _check_story(story, usable)
    if as_json:
        print(json.dumps({"messages": [asdict(m) for m in messages]}, ensure_ascii=False, indent=2))
    else:
        _print_text(messages)
    return not any(message.severity == "error" for message in messages)


def _check_styles(styles: Iterable[str]) -> Iterator[Message]:
    for style in styles:
        try:
            read_style(style)
        except UserError as error:
            yield _error(styles_folder(), style, error)


def _check_story(name: str, style: str | None) -> Iterator[Message]:
    try:
        story = read_story(name)
    except UserError as error:
        yield _error(stories_folder(), name, error)
        return
    source = read_yaml(join_inside(stories_folder(), f"{name}.yaml"))
    unguided = story.sampling.guidance_scale == 1.0 and story.sampling.guide_early(None) is None
    if unguided and story.negative_prompt:
        yield _warn(
            source,
            ("sampling", "guidance_scale"),
            "guidance",
            "guidance_scale 1 switches guidance off, and with it every negative prompt",
            "write a number above 1 (4 is the default), or delete the negative prompts",
        )
    for number, panel in enumerate(story.panels, 1):
        for found in lint_resolved(panel, story.characters, story.resolve(number), style):
            where = ("panels", number - 1, "prompt")
            yield _warn(source, where, found.rule, found.problem, found.fix, number)
    for problem in find_misfits(story.title, [panel.caption for panel in story.panels]):
        yield _warn(source, ("panels",), "caption", problem, "shorten it, or use other characters")


def _warn(
    source: YamlSource,
    where: tuple[int | str, ...],
    rule: str,
    problem: str,
    fix: str,
    panel: int | None = None,
) -> Message:
    return Message("warning", str(source.path), source.line(where), panel, rule, problem, fix)


def _error(folder: Path, name: str, error: UserError) -> Message:
    return Message("error", str(folder / f"{name}.yaml"), None, None, "file", error.problem, error.fix)


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml") if not path.name.startswith("."))


def _print_text(messages: Sequence[Message]) -> None:
    for message in messages:
        if message.severity == "error":  # its problem says file and line
            print(f"error: {message.problem}\n  fix: {message.fix}")
            continue
        panel = f" panel {message.panel}:" if message.panel else ""
        print(f"{message.file}:{message.line}:{panel} {message.problem}\n  fix: {message.fix}")
    if find_tokenizer() is None:
        print(f"lengths were not looked at: {chosen_model()} is not there yet, and texts are counted by it")
    errors = sum(message.severity == "error" for message in messages)
    print(f"{errors} errors, {len(messages) - errors} warnings")
