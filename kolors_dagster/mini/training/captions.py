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
from kolors_dagster.mini.train_tokenizer import common_characters

CAPTIONS = 8  # phrasings kept of each scene
UNWANTED = 2  # lists of what a picture should not have, kept of each scene
LONGEST = 112  # tokens of a caption; none of the grammar's is longer
_UNMEANING = 0.3  # captions with words about nothing in the picture in front (or behind)
_ABOUT_PICTURES = (
    *("二次元", "水墨画", "水彩画", "赛博朋克", "油画", "素描", "动漫风格", "插画", "漫画", "国画风格"),
    *("高质量", "细节丰富", "光线柔和", "精美的画面", "色彩明亮", "大师作品", "简洁的线条", "一幅画"),
)
_CHARACTERS = common_characters()

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
    return [add_unmeaning(write_caption(scene, rng), rng) for _ in range(CAPTIONS)] + [
        write_unwanted(scene, rng) for _ in range(UNWANTED)
    ]


def add_unmeaning(caption: str, rng: Random) -> str:
    """Return a caption, three in ten of them with words the plain pictures know nothing of.

    Style words, praise, or a few characters by lot: so that unknown words in a prompt do no harm, and every
    token of the vocabulary is learnt to be passed over.
    """
    if rng.random() >= _UNMEANING:
        return caption
    if rng.random() < 0.5:
        words = "，".join(rng.sample(_ABOUT_PICTURES, rng.randint(1, 2)))
    else:
        words = "".join(rng.choices(_CHARACTERS, k=rng.randint(1, 5)))
    return f"{words}，{caption}" if rng.random() < 0.8 else f"{caption.removesuffix('。')}，{words}"


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
