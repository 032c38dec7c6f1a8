"""Chinese lines: where they may break (禁则), and how punctuation sits in them.

Rules: GB/T 15834-2011 (use of punctuation marks) and the W3C's Requirements for Chinese Text Layout (clreq).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from kolors_dagster.story.font import load_font

_CLOSING = "，。、；：！？）」』》】〉〕〗"  # full width, blank in their right half
_OPENING = "（「『《【〈〔〖"  # full width, blank in their left half
_MARKS = frozenset(_CLOSING + _OPENING + "“”‘’")
_NOT_FIRST = frozenset(_CLOSING + "”’…·～％‰℃々,.;:!?)]}%")
_NOT_LAST = frozenset(_OPENING + "“‘([{￥＄¥$")
# Dashes and ellipses stay in one piece, and so do Latin words and numbers; all else is set sign by sign.
_PIECE = re.compile(r"—+|…+|[!-~À-ɏ]+|\s+|.", re.S)
_HAN = re.compile(r"[㐀-鿿豈-﫿〇𠀀-𳿿]")
_LATIN = re.compile(r"[0-9A-Za-zÀ-ɏ]")
_HALF = 0.5  # of an em: what a full-width mark gives up beside another, and at either end of a line
_BESIDE_LATIN = 0.2  # of an em: air between a Han character and a Latin one
_SHORT = 4  # ems: a last line below this looks like a leftover
# What a break costs, where the square of the blank part of a line is its own cost: it reads best after a mark
# and worst before a particle, which leans on the word in front.
_BREAK_IN_PHRASE, _BREAK_BEFORE_PARTICLE, _LEFTOVER = 0.4, 0.2, 1.0
_AFTER_MARK = frozenset(_CLOSING + "”’—…")
_PARTICLES = frozenset("的了着过们地得吗呢吧啊呀么")
_ELLIPSIS = "……"


@dataclass(frozen=True)
class Line:
    """One line set at one size: its pieces, each with its x in pixels, and its width in pixels."""

    pieces: tuple[tuple[str, float], ...]
    width: float

    @property
    def text(self) -> str:
        """The line's characters."""
        return "".join(piece for piece, _ in self.pieces)


def set_line(pieces: list[str], size: int) -> Line:
    """Place `pieces` side by side: marks that meet close up, marks at either end hang half an em out."""
    placed, x = [], 0.0
    for index, piece in enumerate(pieces):
        before = pieces[index - 1][-1] if index else ""
        if not before:
            x -= _HALF * size if piece[0] in _OPENING else 0
        elif (before in _CLOSING and piece[0] in _MARKS) or (before in _OPENING and piece[0] in _OPENING):
            x -= _HALF * size
        elif (_HAN.match(before) and _LATIN.match(piece)) or (_LATIN.match(before) and _HAN.match(piece)):
            x += _BESIDE_LATIN * size
        placed.append((piece, x))
        x += _measure(piece, size)
    hanging = _HALF * size if pieces and pieces[-1][-1] in _CLOSING else 0.0
    return Line(tuple(placed), x - hanging)


def break_lines(text: str, size: int, measure: float) -> list[Line]:
    """Break `text` into as few lines of `measure` pixels as it takes, then as even ones as the rules allow.

    Lines end after punctuation where they can, never before a particle where they need not, and the last
    one is not a leftover of a few characters. A Latin word that is wider than the measure is split.
    """
    pieces = _split_pieces(text, size, measure)
    # best[i]: (lines, cost, where the last line starts) of the best setting of pieces[:i]
    best: dict[int, tuple[int, float, int]] = {0: (0, 0.0, 0)}
    for end in range(1, len(pieces) + 1):
        if not _may_break(pieces, end):
            continue
        options: list[tuple[int, float, int]] = []
        for start in reversed(best):
            line = set_line(_trim(pieces[start:end]), size)
            if line.width > measure and options:
                break
            count, spent, _ = best[start]
            cost = _cost(line, size, measure, "".join(pieces[end : end + 1]))
            options.append((count + 1, spent + cost, start))
            if line.width > measure:  # nothing in this line may break: it sticks out
                break
        best[end] = min(options)
    lines: list[Line] = []
    end = len(pieces)
    while end:
        start = best[end][2]
        lines.insert(0, set_line(_trim(pieces[start:end]), size))
        end = start
    return lines


def cut_lines(text: str, size: int, measure: float, most: int) -> list[Line]:
    """Return `text` in at most `most` lines, its end replaced by …… where it is longer."""
    lines = break_lines(text, size, measure)
    while len(lines) > most:
        text = text.removesuffix(_ELLIPSIS)[:-1].rstrip(_CLOSING + _OPENING + "“‘— ") + _ELLIPSIS
        lines = break_lines(text, size, measure)
    return lines


@lru_cache(maxsize=4096)
def _measure(piece: str, size: int) -> float:
    return load_font(size).getlength(piece)


def _split_pieces(text: str, size: int, measure: float) -> list[str]:
    # A folded line in a YAML file is a space in Latin text, and nothing between two Chinese characters.
    text = re.sub(r"(?<=[^\x00-ɏ])\s*\n\s*(?=[^\x00-ɏ])", "", text.strip())
    pieces: list[str] = []
    for piece in _PIECE.findall(re.sub(r"\s+", " ", text)):
        pieces.extend(piece if _measure(piece, size) > measure else [piece])
    return pieces


def _trim(pieces: list[str]) -> list[str]:
    kept = list(pieces)
    while kept and kept[-1].isspace():
        kept.pop()
    while kept and kept[0].isspace():
        kept.pop(0)
    return kept


def _may_break(pieces: list[str], at: int) -> bool:
    """Say whether a line may end before piece `at`."""
    if at in (0, len(pieces)):
        return True
    before, after = pieces[at - 1], pieces[at]
    if after.isspace():
        return False  # the break comes after the space
    if after[0] in _NOT_FIRST:
        # A number such as .5 may open a line; it is one piece with its point.
        return len(after) > 1 and after[0] in ".,"
    return before[-1] not in _NOT_LAST


def _cost(line: Line, size: int, measure: float, following: str) -> float:
    cost = max(0.0, 1 - line.width / measure) ** 2
    if not following:
        return cost + (_LEFTOVER if line.width < _SHORT * size else 0.0)
    if line.text[-1:] not in _AFTER_MARK:
        cost += _BREAK_IN_PHRASE
    return cost + (_BREAK_BEFORE_PARTICLE if following[0] in _PARTICLES else 0.0)
