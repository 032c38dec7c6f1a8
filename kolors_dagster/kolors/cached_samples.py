"""Read a training cache: one image's latents and its caption's embeddings at a time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from kolors_dagster.errors import UserError
from kolors_dagster.files import read_json
from kolors_dagster.hashing import hash_file
from kolors_dagster.kolors.buckets import Size
from kolors_dagster.kolors.cache_format import CACHE_FORMAT
from kolors_dagster.kolors.request import MAX_TOKENS

SHARD_ROWS = 32


def latents_file(shard: int) -> str:
    """Return the name of a file of 32 images' `mean` and `std`, each (rows, 4, h, w): all of one size."""
    return f"latents-{shard:05}.safetensors"


def text_file(shard: int) -> str:
    """Return the name of a file of 32 texts' `hidden_states` (rows, 256, C) and `pooled` (rows, C).

    `tokens` (rows,) is how many of the 256 `text_padding` needs of each.
    """
    return f"text-{shard:05}.safetensors"


def is_whole_cache(folder: Path, data_version: str) -> bool:
    """Return whether `folder` holds the finished cache of `data_version`, every file as it was written."""
    try:
        index = read_json(folder / "index.json")
        return index["data_version"] == data_version and all(
            hash_file(folder / name) == sha256 for name, sha256 in index["files"].items()
        )
    except (OSError, ValueError, KeyError):
        return False


@dataclass(frozen=True)
class CachedSample:
    """One training image: latents' `mean` and `std` (4, h, w), `hidden_states` (t, C), `pooled` (C)."""

    mean: Tensor
    std: Tensor
    hidden_states: Tensor
    pooled: Tensor


class CachedSamples:
    """The samples of one training cache, read from its files when asked for.

    Texts are folded, all to the t tokens that the longest of the cache needs.
    Raises UserError if the cache is not complete, damaged, or of another format.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mend = f"make the training cache {folder.name} again"
        index = self._read_index()
        self.data_version: str = index["data_version"]
        self.dataset_version: str = index["dataset_version"]
        self.base_model_version: str = index["arithmetic"]["base_model"]
        self.resolution: int = index["arithmetic"]["resolution"]
        self.crop: str = index["arithmetic"]["crop"]
        self._row_of_text = {text: row for row, text in enumerate(index["texts"])}
        self._texts: list[str] = [image["text"] for image in index["images"]]
        self._places: list[tuple[str, int]] = [(image["shard"], image["row"]) for image in index["images"]]
        self.sizes: list[Size] = [
            (width, height) for width, height in (image["size"] for image in index["images"])
        ]
        self._open_files: dict[str, Any] = {}
        shards = range(-(-len(self._row_of_text) // SHARD_ROWS))
        self.tokens = max(int(self._read(text_file(shard), "tokens", slice(None)).max()) for shard in shards)

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, image: int) -> CachedSample:
        shard, row = self._places[image]
        hidden_states, pooled = self.read_text(self._texts[image])
        return CachedSample(
            self._read(shard, "mean", row), self._read(shard, "std", row), hidden_states, pooled
        )

    def read_text(self, text: str) -> tuple[Tensor, Tensor]:
        """Return the `hidden_states` and `pooled` of a caption, or of one of `UNPROMPTED`."""
        shard, row = divmod(self._row_of_text[text], SHARD_ROWS)
        name = text_file(shard)
        kept = (row, slice(MAX_TOKENS - self.tokens, None))
        return self._read(name, "hidden_states", kept), self._read(name, "pooled", row)

    def _read_index(self) -> dict[str, Any]:
        file = self._folder / "index.json"
        try:
            index = read_json(file)
        except (OSError, ValueError) as error:
            raise UserError(f"{file}: cannot be read ({error})", self._mend) from None
        if index.get("arithmetic", {}).get("format") != CACHE_FORMAT:
            raise UserError(f"{file}: made by another version of this program", self._mend)
        return index

    def _read(self, name: str, tensor: str, part: Any) -> Tensor:
        try:
            if name not in self._open_files:
                self._open_files[name] = safe_open(self._folder / name, framework="pt")
            return self._open_files[name].get_slice(tensor)[part]
        except (OSError, SafetensorError, IndexError) as error:
            raise UserError(f"{self._folder / name}: cannot be read ({error})", self._mend) from None
