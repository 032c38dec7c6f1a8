"""What a rule looks at, and what it finds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kolors_dagster.specs import ResolvedPanel


@dataclass(frozen=True)
class Cut:
    """A text the text encoder reads only in part: its tokens, what is read and what is ignored."""

    tokens: int
    read: str
    ignored: str


@dataclass(frozen=True)
class Draft:
    """One panel before it is drawn.

    `prompt` is as written, with `{name}` for a character; `resolved` is what goes to the model, but for the
    trigger words. `trigger_words` has every style's; `style` is the one to draw in, None for any of them.
    `find_cut` says where a text is longer than the text encoder reads.
    """

    prompt: str
    characters: Mapping[str, str]
    resolved: ResolvedPanel
    trigger_words: Mapping[str, str]
    style: str | None
    find_cut: Callable[[str], Cut | None]


@dataclass(frozen=True)
class Finding:
    """One thing a person may want to change: which rule, what is wrong, how to mend it."""

    rule: str
    problem: str
    fix: str
