"""Trigger words in front of a text, once."""

import re

_BETWEEN_CLAUSES = "，,。.；;、\\s"
_MEASURE = "(?:一?[幅张])?"


def put_in_front(trigger_words: str, text: str) -> str:
    """Return `text` opened by the style's trigger words; one that has them between two commas stays as it is.

    Inside a clause they name a thing: someone who looks at a 水墨画 is not drawn as one.
    """
    if not text:
        return trigger_words
    return text if names_as_clause(trigger_words, text) else f"{trigger_words}，{text}"


def names_as_clause(words: str, text: str) -> bool:
    """Say whether `words` are a clause of `text`, or several; 一幅 (a picture of) may come before them."""
    edge = f"[{_BETWEEN_CLAUSES}]"
    return re.search(f"(?:^|{edge}){_MEASURE}{re.escape(words)}(?:{edge}|$)", text) is not None
