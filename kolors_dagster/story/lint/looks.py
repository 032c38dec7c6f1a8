"""Hair in a description and in the words beside it."""

import re
from collections.abc import Iterator, Mapping

from kolors_dagster.story.lint.words import COLOUR_FAMILY, HAIR_COLOUR, HAIR_LENGTHS, PERSON

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_CLAUSE_END = re.compile(r"[，,。.；;\n]")
# (what it is of, families, as written, start, end)
_Mention = tuple[str, frozenset[str], str, int, int]


def find_contradictions(prompt: str, characters: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield (character, what the prompt says, what the description says) where their hair cannot be both.

    What is said in a clause that names someone else is of that person, and else of the character before it.
    """
    for kind, said, text, start, end in _find_mentions(prompt):
        name = _whose(prompt, start, end)
        for other_kind, described, own, _, _ in _find_mentions(characters.get(name or "", "")):
            if name and kind == other_kind and not said & described:
                yield name, text, own
                break


def _find_mentions(text: str) -> list[_Mention]:
    mentions: list[_Mention] = []
    for match in HAIR_COLOUR.finditer(text):
        word = next(group for group in match.groups() if group).lower()
        words = [word] if word.isascii() else word
        families = frozenset(COLOUR_FAMILY[one] for one in words)
        mentions.append(("colour", families, match[0], match.start(), match.end()))
    lengths = [(family, match) for family, find in HAIR_LENGTHS.items() for match in find.finditer(text)]
    if lengths:  # 披肩长发 is both, and contradicts neither
        first = lengths[0][1]
        families = frozenset(family for family, _ in lengths)
        mentions.append(("length", families, first[0], first.start(), first.end()))
    return mentions


def _whose(prompt: str, start: int, end: int) -> str | None:
    """Return the character whose hair the words from `start` to `end` are about, if it is one's."""
    clause_start = max((m.end() for m in _CLAUSE_END.finditer(prompt, 0, start)), default=0)
    after = _CLAUSE_END.search(prompt, end)
    clause_end = after.start() if after else len(prompt)
    clause = prompt[clause_start:clause_end]
    if PERSON.search(_PLACEHOLDER.sub("", clause)):
        return None
    named = list(_PLACEHOLDER.finditer(prompt))
    before = [match for match in named if match.end() <= start]
    if before:
        between = prompt[before[-1].end() : start]
        return None if PERSON.search(between) else before[-1][1]
    inside = [match for match in named if match.start() < clause_end]
    return inside[0][1] if inside else None
