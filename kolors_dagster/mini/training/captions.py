"""Captions as tokens, in the very form a text has when a picture is drawn: 256 places, padded on the left."""

from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from diffusers.pipelines.kolors.tokenizer import ChatGLMTokenizer
from torch import Tensor

from kolors_dagster.kolors.request import MAX_TOKENS
from kolors_dagster.mini.config import TOKENIZER_MODEL
from kolors_dagster.mini.drawings.caption import write_caption
from kolors_dagster.mini.drawings.scene import Scene

CAPTIONS = 8  # phrasings kept of each scene
UNWANTED = 2  # lists of what a picture should not have, kept of each scene
LONGEST = 96  # tokens of a caption; none of the grammar's is longer

_UNWANTED_WORDS = (
    *("低分辨率", "画面模糊", "五官变形", "手指畸形", "水印", "text", "低质量", "模糊"),
    *("变形", "多余的手指", "丑陋", "文字", "签名", "破损", "重复", "画风错误"),
)
_THING_WORDS = {"umbrella": "雨伞", "cat": "猫", "balloon": "气球", "flowers": "花", "microphone": "话筒"}


@dataclass(frozen=True)
class Tokens:
    """Texts as the encoder takes them: `ids`, `positions` and `mask` (one where text is), each (n, 256)."""

    ids: Tensor
    mask: Tensor
    positions: Tensor


def load_tokenizer() -> ChatGLMTokenizer:
    """Return kolors-mini's tokenizer."""
    return ChatGLMTokenizer(vocab_file=str(TOKENIZER_MODEL))


def write_texts(scene: Scene, rng: Random) -> list[str]:
    """Return `CAPTIONS` captions of a scene and `UNWANTED` negative prompts for it."""
    return [write_caption(scene, rng) for _ in range(CAPTIONS)] + [
        write_unwanted(scene, rng) for _ in range(UNWANTED)
    ]


def write_unwanted(scene: Scene, rng: Random) -> str:
    """Return a negative prompt; as often as not it names the thing that the scene does show."""
    words = rng.sample(_UNWANTED_WORDS, rng.randint(1, 8))
    if scene.thing in _THING_WORDS and rng.random() < 0.5:
        words.insert(rng.randint(0, len(words)), _THING_WORDS[scene.thing])
    return rng.choice(("，", "，", "、", ", ")).join(words)


def tokenize(texts: list[str], tokenizer: ChatGLMTokenizer) -> tuple[np.ndarray, np.ndarray]:
    """Return the tokens of `texts` (n, LONGEST), padded on the right with zeros, and their lengths (n,)."""
    rows = np.zeros((len(texts), LONGEST), np.uint16)
    lengths = np.zeros(len(texts), np.uint8)
    for number, text in enumerate(texts):
        ids = tokenizer(text)["input_ids"]
        rows[number, : len(ids)] = ids
        lengths[number] = len(ids)
    return rows, lengths


def pad_left(rows: Tensor, lengths: Tensor) -> Tokens:
    """Return tokens (n, LONGEST) of the given lengths (n,) as the tokenizer pads them to 256 places."""
    places = torch.arange(MAX_TOKENS, device=rows.device)[None] - (MAX_TOKENS - lengths.long()[:, None])
    mask = places >= 0
    positions = places.clamp(min=0)
    ids = rows.long().gather(1, positions.clamp(max=LONGEST - 1)) * mask
    return Tokens(ids, mask.long(), positions)
