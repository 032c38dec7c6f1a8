"""Counted without the text encoder, the same as its own tokenizer counts and cuts."""

import pytest
from diffusers.pipelines.kolors.tokenizer import ChatGLMTokenizer

from kolors_dagster.kolors.request import MAX_TOKENS
from kolors_dagster.kolors.tokens import split_at_limit
from kolors_dagster.mini.config import TOKENIZER_MODEL

WIDE, EMOJI = (
    "全角ＡＢＣ，" * 60,
    "😀🎉" * 80,
)  # the tokenizer rewrites the one, and splits the other into bytes
MIXED = "hello world, a girl with long 头发，"


@pytest.mark.parametrize(
    "text", ["", "a", "女孩在海边，text", "  两 边 空 格  ", "二次元，" * 120, MIXED * 30, WIDE, EMOJI]
)
def test_agrees_with_the_tokenizer(text: str) -> None:
    tokenizer = ChatGLMTokenizer(vocab_file=str(TOKENIZER_MODEL))
    tokens, read, ignored = split_at_limit(TOKENIZER_MODEL, text)
    assert tokens == len(tokenizer(text)["input_ids"])
    assert read + ignored == text
    assert bool(ignored) == (tokens > MAX_TOKENS)
    if ignored:
        kept = tokenizer(text, max_length=MAX_TOKENS, truncation=True)["input_ids"]
        whole = tokenizer(read)["input_ids"]
        assert kept[: len(whole)] == whole and len(kept) - len(whole) < 4  # bytes of a character cut in two
