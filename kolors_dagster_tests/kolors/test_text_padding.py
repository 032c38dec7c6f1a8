"""Folded padding: what is kept, and that the UNet predicts what diffusers' does of all 256 tokens."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from kolors_dagster.kolors.loading import load_unet
from kolors_dagster.kolors.request import MAX_TOKENS
from kolors_dagster.kolors.text import TextEmbeddings, TextEncoder
from kolors_dagster.kolors.text_padding import count_first, count_needed, fold_padding, unfold_padding
from kolors_dagster.kolors.unet import make_time_ids
from kolors_dagster_tests.kolors.conftest import CPU, relative_error

SHORT, LONG = "二次元，一个女孩", "一个女孩走过街道，" * 12


@pytest.mark.parametrize(
    "texts, tokens", [([SHORT], 64), ([""], 64), ([SHORT, LONG], 128), ([LONG * 9], 256)]
)
def test_no_more_padding_is_kept_than_the_longest_text_takes(
    text_encoder: TextEncoder, texts: list[str], tokens: int
) -> None:
    embeddings = text_encoder.encode(texts)
    assert text_encoder.count_tokens(LONG) > 64
    folded = embeddings.fold()
    assert folded.hidden_states.shape[1] == tokens
    assert torch.equal(unfold_padding(folded.hidden_states), embeddings.hidden_states)
    assert torch.equal(folded.pooled, embeddings.pooled)
    assert torch.equal(fold_padding(folded.hidden_states), folded.hidden_states)
    assert count_first(tokens) + tokens - 1 == MAX_TOKENS


def test_tokens_that_are_not_alike_are_all_kept() -> None:
    generator = torch.Generator().manual_seed(0)
    text = torch.randn(1, MAX_TOKENS, 8, generator=generator)
    assert count_needed(text) == MAX_TOKENS
    text[:, :192] = text[:, :1]
    assert count_needed(text) == 128  # 65 are needed
    text[:, :193] = text[:, :1]
    assert count_needed(text) == 64
    text[:, 100] += 1e-6
    assert count_needed(text) == 192
    assert count_needed(torch.full_like(text, torch.nan)) == MAX_TOKENS


@torch.no_grad()
def test_predicts_what_diffusers_does_of_256_tokens(mini_folder: Path, text_encoder: TextEncoder) -> None:
    theirs: Any = UNet2DConditionModel.from_pretrained(mini_folder / "unet", torch_dtype=torch.float32)
    ours = load_unet(mini_folder, CPU, torch.float32)
    whole: TextEmbeddings = text_encoder.encode([SHORT, LONG])
    latents = torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(0))
    timesteps, time_ids = torch.tensor([900.0, 20.0]), make_time_ids(64, 96, 2, CPU, torch.float32)
    added = {"text_embeds": whole.pooled, "time_ids": time_ids}
    expected = theirs(latents, timesteps, whole.hidden_states, added_cond_kwargs=added).sample
    for text in (whole, whole.fold()):
        predicted = ours(latents, timesteps, text.hidden_states, text.pooled, time_ids)
        assert relative_error(predicted, expected) < 1e-5
    cut = ours(latents, timesteps, whole.hidden_states[:, -64:] + 0.01, whole.pooled, time_ids)
    assert relative_error(cut, expected) > 1e-4
