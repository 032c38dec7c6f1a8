"""Text to what the UNet is guided by: ChatGLM3's hidden states, 256 tokens a text."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.request import MAX_TOKENS
from kolors_dagster.kolors.streaming import stream_linear_layers
from kolors_dagster.kolors.text_padding import fold_padding

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TextEmbeddings:
    """Embeddings of n texts: `hidden_states` (n, 256, C), or fewer tokens if folded, and `pooled` (n, C)."""

    hidden_states: Tensor
    pooled: Tensor

    def __len__(self) -> int:
        return len(self.hidden_states)

    def __getitem__(self, rows: slice) -> "TextEmbeddings":
        return TextEmbeddings(self.hidden_states[rows], self.pooled[rows])

    def fold(self) -> "TextEmbeddings":
        """Return the same for the UNet, with no more padding than the longest of the texts takes."""
        return TextEmbeddings(fold_padding(self.hidden_states), self.pooled)

    def to(self, device: torch.device, dtype: torch.dtype) -> "TextEmbeddings":
        """Return the same embeddings on `device` in `dtype`."""
        return TextEmbeddings(self.hidden_states.to(device, dtype), self.pooled.to(device, dtype))


def join_embeddings(parts: Sequence[TextEmbeddings]) -> TextEmbeddings:
    """Stack embeddings one after the other."""
    return TextEmbeddings(
        torch.cat([part.hidden_states for part in parts]), torch.cat([part.pooled for part in parts])
    )


class TextEncoder:
    """ChatGLM3 as Kolors uses it: the last layer but one for every token, the last one's final token.

    Source: Kolors' technical report, and diffusers' `KolorsPipeline.encode_prompt`.
    """

    def __init__(self, model: nn.Module, tokenizer: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> TextEmbeddings:
        """Return the embeddings of `texts`, on the model's device in its dtype; longer texts are cut.

        Texts go through one by one, so that an embedding never depends on what else was asked for. Out of
        memory, the model's layers move to the CPU, from where they come over one at a time: the same numbers,
        slower. Raises UserError if that is too much too.
        """
        bar = tqdm(texts, desc="encode text", unit="text", leave=False, disable=len(texts) < 2)
        # diffusers' rotary embedding is TorchScript: on a GPU that is fused from the second text on, and
        # rounded otherwise than for the first.
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            return join_embeddings([self._encode_or_stream(text) for text in bar])

    def count_tokens(self, text: str) -> int:
        """Return how many of the 256 places `text` takes, the two that start every text included."""
        return len(self.tokenizer(text)["input_ids"])

    def _encode_or_stream(self, text: str) -> TextEmbeddings:
        try:
            return self._encode_one(text)
        except torch.OutOfMemoryError:
            weight = next(self.model.parameters())
        if not stream_linear_layers(self.model, weight.device, weight.dtype):
            raise UserError(f"{weight.device}: not enough memory to encode a text", "close what else uses it")
        _log.warning("out of memory encoding a text; the encoder's layers now come from the CPU's memory")
        return self._encode_one(text)

    def _encode_one(self, text: str) -> TextEmbeddings:
        tokens = self.tokenizer(
            text, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt"
        ).to(next(self.model.parameters()).device)
        states = self.model(
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            position_ids=tokens["position_ids"],
            output_hidden_states=True,
            use_cache=False,
            return_dict=True,
        ).hidden_states
        # ChatGLM's layers put the tokens first: (256, 1, C).
        return TextEmbeddings(states[-2].transpose(0, 1).contiguous(), states[-1][-1].clone())
