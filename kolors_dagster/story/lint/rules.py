"""The rules, each a function of one draft."""

import re
from collections.abc import Callable, Iterator

from kolors_dagster.specs.story import ALWAYS_NEGATIVE
from kolors_dagster.specs.trigger_words import names_as_clause, put_in_front
from kolors_dagster.story.lint.draft import Draft, Finding
from kolors_dagster.story.lint.looks import find_contradictions
from kolors_dagster.story.lint.words import HAND_TERMS, HANDS, STYLE_CLAUSE, STYLE_WORDS

_CLAUSE_ENDS = re.compile(r"[，,。.；;\n]")
_SHOWN = 24  # characters of a text in a message


def other_style(draft: Draft) -> Iterator[Finding]:
    """The prompt names a way of drawing: the style brings its own words, and the two would pull apart."""
    own = draft.trigger_words.get(draft.style or "", "")
    named = [
        words
        for style, words in draft.trigger_words.items()
        if style != draft.style and names_as_clause(words, draft.resolved.prompt)
    ]
    for clause in map(str.strip, _CLAUSE_ENDS.split(draft.resolved.prompt)):
        row = next((row for row in STYLE_WORDS if clause.lower() in row), ())
        if any(word in own.lower() for word in row) or (clause and clause in own):
            continue
        if row or STYLE_CLAUSE.fullmatch(clause):
            named.append(clause)
    for words in dict.fromkeys(named):
        yield Finding(
            "style",
            f"the prompt names a way of drawing (“{words}”)",
            "leave it out: the style's trigger words come in front of every prompt"
            + (f" (here: {own})" if own else ""),
        )


def contradicted_look(draft: Draft) -> Iterator[Finding]:
    """The prompt gives a character other hair than the character's description, which stands beside it."""
    for name, said, described in find_contradictions(draft.prompt, draft.characters):
        yield Finding(
            "look",
            f"“{said}” contradicts {{{name}}}, who has “{described}”; the model reads both",
            f"leave out “{said}”, or take “{described}” out of the description and say in each prompt which",
        )


def unguarded_hands(draft: Draft) -> Iterator[Finding]:
    """The prompt shows hands, and the negative prompt says nothing of what goes wrong with them."""
    shown = HANDS.search(draft.resolved.prompt)
    if shown and not HAND_TERMS.search(draft.resolved.negative_prompt):
        yield Finding(
            "hands",
            f"the prompt shows hands (“{shown[0]}”), and nothing in the negative prompt is about hands",
            "add 手指畸形 (or: deformed hands) to the story's negative_prompt",
        )


def unnegated_text(draft: Draft) -> Iterator[Finding]:
    """The negative prompt, as far as it is read, does not keep drawn letters away."""
    cut = draft.find_cut(draft.resolved.negative_prompt)
    read = cut.read if cut else draft.resolved.negative_prompt
    if ALWAYS_NEGATIVE not in [term.strip() for term in re.split("[,，]", read)]:
        why = "its end is cut off" if cut else "it is not there"
        yield Finding(
            "text",
            f"“{ALWAYS_NEGATIVE}” is not read in the negative prompt ({why}), and letters may be drawn",
            "shorten the story's and the panel's negative_prompt" if cut else "materialize the prompt again",
        )


def too_long(draft: Draft) -> Iterator[Finding]:
    """A text is longer than the text encoder reads; what comes after is as if it were not written."""
    words = draft.trigger_words.get(draft.style or "") or max(
        draft.trigger_words.values(), key=len, default=""
    )
    prompt = put_in_front(words, draft.resolved.prompt) if words else draft.resolved.prompt
    for name, text in (("prompt", prompt), ("negative prompt", draft.resolved.negative_prompt)):
        if cut := draft.find_cut(text):
            yield Finding(
                "length",
                f"the {name} has {cut.tokens} tokens; it is cut after “…{cut.read[-_SHOWN:]}” and the rest "
                f"is ignored: “{cut.ignored[:_SHOWN]}{'…' if len(cut.ignored) > _SHOWN else ''}”",
                "shorten it, or say what matters first",
            )


RULES: tuple[Callable[[Draft], Iterator[Finding]], ...] = (
    other_style,
    contradicted_look,
    unguarded_hands,
    unnegated_text,
    too_long,
)


def lint_panel(draft: Draft) -> list[Finding]:
    """Return what all rules find in one panel."""
    return [finding for rule in RULES for finding in rule(draft)]
