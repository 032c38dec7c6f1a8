import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.diffsynth_streaming import AutoWrappedLinear
from kolors_dagster.kolors.loading import load_text_encoder
from kolors_dagster.kolors.request import MAX_TOKENS
from kolors_dagster.kolors.text import TextEncoder
from kolors_dagster_tests.kolors.conftest import relative_error

TEXTS = ["二次元，一个紫色长发女孩在舞台上唱歌", "", "a girl, 龘 😀", "很长的一句话，" * 100]


@pytest.mark.parametrize("text", TEXTS)
def test_embeddings_are_those_of_diffusers(text_encoder: TextEncoder, oracle: Any, text: str) -> None:
    ours = text_encoder.encode([text])
    hidden_states, _, pooled, _ = oracle.encode_prompt(text, do_classifier_free_guidance=False)
    assert ours.hidden_states.shape == (1, MAX_TOKENS, 192)
    assert relative_error(ours.hidden_states, hidden_states) <= 1e-5
    assert relative_error(ours.pooled, pooled) <= 1e-5


def test_an_embedding_does_not_depend_on_the_texts_beside_it(text_encoder: TextEncoder) -> None:
    together = text_encoder.encode(TEXTS)
    for row, text in enumerate(TEXTS):
        alone = text_encoder.encode([text])
        assert torch.equal(together[row : row + 1].hidden_states, alone.hidden_states)
        assert torch.equal(together[row : row + 1].pooled, alone.pooled)


def test_different_texts_have_different_embeddings(text_encoder: TextEncoder) -> None:
    purple, black = text_encoder.encode(["紫色头发", "黑色头发"]).pooled
    assert relative_error(purple, black) > 0.01


def test_counts_the_two_tokens_every_text_starts_with(text_encoder: TextEncoder) -> None:
    assert text_encoder.count_tokens("") == 2
    assert text_encoder.count_tokens("紫色长发，女孩") == 2 + 4
    assert text_encoder.count_tokens(TEXTS[-1]) > MAX_TOKENS


def test_out_of_memory_goes_on_layer_by_layer(
    text_encoder: TextEncoder,
    mini_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    small = load_text_encoder(mini_folder, torch.device("cpu"), torch.float32)
    forward = small.model.forward

    def with_little_memory(**arguments: Any) -> Any:
        if not any(isinstance(part, AutoWrappedLinear) for part in small.model.modules()):
            raise torch.OutOfMemoryError
        return forward(**arguments)

    monkeypatch.setattr(small.model, "forward", with_little_memory)
    ours, theirs = small.encode(TEXTS), text_encoder.encode(TEXTS)
    assert torch.equal(ours.hidden_states, theirs.hidden_states) and torch.equal(ours.pooled, theirs.pooled)
    assert caplog.text.count("out of memory") == 1

    def without_memory(**arguments: Any) -> Any:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(small.model, "forward", without_memory)
    with pytest.raises(UserError, match="not enough memory to encode"):
        small.encode(TEXTS)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu_the_first_text_of_a_process_is_encoded_like_any_other(mini_folder: Path) -> None:
    """In a process of its own, for what TorchScript fuses it fuses from the second call on."""
    program = f"""
import torch
import subprocess
import sys
from pathlib import Path
from kolors_dagster.kolors.loading import load_text_encoder
encoder = load_text_encoder(Path({str(mini_folder)!r}), torch.device("cuda"), torch.float16)
first, second, third = (encoder.encode(["二次元，一个女孩"]).hidden_states for _ in range(3))
assert torch.equal(first, second) and torch.equal(second, third)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
