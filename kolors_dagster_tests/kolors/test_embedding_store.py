from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.embedding_store import EmbeddingStore
from kolors_dagster.kolors.text import TextEmbeddings, TextEncoder

CPU = torch.device("cpu")
MODEL = BaseModel("m", Path(), {"text_encoder/model.safetensors": "a", "unet/x": "u"}, {}, "v", 64, 2)


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KOLORS_DATA", str(tmp_path))
    return tmp_path


def make_embeddings() -> TextEmbeddings:
    return TextEmbeddings(torch.randn(1, 256, 8).bfloat16(), torch.randn(1, 8).bfloat16())


def test_what_was_put_is_found_by_another_process() -> None:
    embeddings = make_embeddings()
    EmbeddingStore(MODEL, CPU, torch.bfloat16).put("海边", embeddings)
    found = EmbeddingStore(MODEL, CPU, torch.bfloat16).find("海边")
    assert found is not None
    assert torch.equal(found.hidden_states, embeddings.hidden_states)
    assert torch.equal(found.pooled, embeddings.pooled)


def test_another_text_encoder_arithmetic_or_text_is_not_it() -> None:
    EmbeddingStore(MODEL, CPU, torch.float32).put("海边", make_embeddings())
    other = replace(MODEL, files=MODEL.files | {"text_encoder/model.safetensors": "b"})
    assert EmbeddingStore(other, CPU, torch.float32).find("海边") is None
    assert EmbeddingStore(MODEL, CPU, torch.float16).find("海边") is None
    assert EmbeddingStore(MODEL, torch.device("cuda"), torch.float32).find("海边") is None
    assert EmbeddingStore(MODEL, CPU, torch.float32).find("山边") is None
    # Another UNet with the same text encoder: the texts are the same.
    other = replace(MODEL, files=MODEL.files | {"unet/x": "w"})
    assert EmbeddingStore(other, CPU, torch.float32).find("海边") is not None


def test_a_damaged_one_is_told_and_counts_as_absent(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = EmbeddingStore(MODEL, CPU, torch.float32)
    store.put("海边", make_embeddings())
    file = next(data.rglob("*.safetensors"))
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 1
    file.write_bytes(damaged)
    assert store.find("海边") is None
    assert "damaged" in caplog.text


def test_texts_are_encoded_once_and_the_encoder_is_loaded_for_new_ones_only(
    text_encoder: TextEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    store = EmbeddingStore(MODEL, CPU, torch.float32)
    loads = []

    def load() -> TextEncoder:
        loads.append(1)
        return text_encoder

    first, new = store.embed(["海边", "", "海边"], load)
    assert (list(first), new, len(loads)) == (["海边", ""], 2, 1)
    long = "海边，" * 200
    more, new = store.embed(["", long, "海边"], load)
    assert (more.keys(), new, len(loads)) == ({"", long, "海边"}, 1, 2)
    assert caplog.text.count("longer than 256 tokens, the end is cut off: 海边，海边") == 1
    again, new = store.embed(iter(["海边", "", long]), load)
    assert (new, len(loads)) == (0, 2)
    for text, row in (again | more | first).items():
        expected = text_encoder.encode([text])
        for found in (row, again[text], more[text]):
            assert torch.equal(found.hidden_states, expected.hidden_states)
            assert torch.equal(found.pooled, expected.pooled)
