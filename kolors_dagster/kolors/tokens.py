"""How many tokens a text has, without loading the text encoder."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from kolors_dagster.kolors.request import MAX_TOKENS

STARTING_TOKENS = 2  # [gMASK] and sop, which start every text


@lru_cache(maxsize=2)
def _load(tokenizer_model: Path) -> Any:
    from sentencepiece import SentencePieceProcessor

    return SentencePieceProcessor(model_file=str(tokenizer_model))


def split_at_limit(tokenizer_model: Path, text: str) -> tuple[int, str, str]:
    """Return how many of the 256 places `text` takes, the part that is read, and the part that is cut off.

    `tokenizer_model` is the base model's own SentencePiece file.
    """
    pieces = _load(tokenizer_model).encode(text, return_type="proto").pieces
    tokens = len(pieces) + STARTING_TOKENS
    if tokens <= MAX_TOKENS:
        return tokens, text, ""
    end = pieces[MAX_TOKENS - STARTING_TOKENS - 1].end  # in bytes; a character may be several tokens
    read = text.encode()[:end].decode(errors="ignore")
    return tokens, read, text[len(read) :]
