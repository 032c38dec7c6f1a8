"""Embeddings of texts on disk, so that a text is encoded once and ChatGLM3 is loaded for new texts only."""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from kolors_dagster.files import join_inside
from kolors_dagster.hashing import hash_json
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.checked_tensors import read_tensors, write_tensors
from kolors_dagster.kolors.device_memory import release_memory
from kolors_dagster.kolors.request import MAX_TOKENS
from kolors_dagster.kolors.text import TextEmbeddings, TextEncoder
from kolors_dagster.paths import EMBEDDING_STORE, asset_folder

_log = logging.getLogger(__name__)


class EmbeddingStore:
    """A folder of embeddings, named by what they are made of; safe to delete at any time.

    At full size a text takes 2.1 MB. They are kept as the encoder gives them, before the UNet's projection,
    since a LoRA may reach that layer too; projecting them again costs the GPU some microseconds a picture.
    """

    def __init__(self, base_model: BaseModel, device: torch.device, dtype: torch.dtype) -> None:
        self._root = asset_folder(EMBEDDING_STORE)
        encoder = {name: sha256 for name, sha256 in base_model.files.items() if _is_of_encoder(name)}
        self._arithmetic = [encoder, device.type, str(dtype)]
        self._device = device
        self._dtype = dtype

    def find(self, text: str) -> TextEmbeddings | None:
        """Return the embeddings of `text`, on the CPU, if they are there and whole."""
        path = self._path(text)
        if not path.is_file():
            return None
        found = read_tensors(path)
        if found is None:
            _log.warning("%s is damaged; encoding its text again", path)
            return None
        return TextEmbeddings(found[0]["hidden_states"], found[0]["pooled"])

    def put(self, text: str, embeddings: TextEmbeddings) -> None:
        """Keep the embeddings (one row, on the CPU) of `text`."""
        tensors = {"hidden_states": embeddings.hidden_states, "pooled": embeddings.pooled}
        write_tensors(self._path(text), tensors, {"text": text})

    def embed(
        self, texts: Iterable[str], load_encoder: Callable[[], TextEncoder]
    ) -> tuple[dict[str, TextEmbeddings], int]:
        """Return the embeddings of `texts`, one row each, on the CPU, and how many texts were new.

        Only new texts take the encoder: it is loaded once all are looked up, and let go before this returns.
        """
        found = {text: self.find(text) for text in dict.fromkeys(texts)}
        embeddings = {text: row for text, row in found.items() if row is not None}
        new = [text for text in found if text not in embeddings]
        if new:
            encoder = load_encoder()
            for text in new:
                if encoder.count_tokens(text) > MAX_TOKENS:
                    _log.warning("longer than %d tokens, the end is cut off: %s", MAX_TOKENS, text)
            rows = encoder.encode(new).to(torch.device("cpu"), self._dtype)
            for row, text in enumerate(new):
                embeddings[text] = rows[row : row + 1]
                self.put(text, embeddings[text])
            del encoder
            release_memory(self._device)
        return embeddings, len(new)

    def _path(self, text: str) -> Path:
        key = hash_json([*self._arithmetic, text])
        return join_inside(self._root, key[:2], f"{key}.safetensors")


def _is_of_encoder(file: str) -> bool:
    return file.startswith(("text_encoder/", "tokenizer/"))
