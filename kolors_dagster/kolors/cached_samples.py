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

CACHE_FORMAT = 4
SHARD_ROWS = 32


def latents_file(shard: int) -> str:
    """Return the name of a file of 32 images' `mean` and `std`, each (rows, 4, h, w): all of one size."""
    return f"latents-{shard:05}.safetensors"


def text_file(shard: int) -> str:
    """Return the name of a file of 32 captions' `hidden_states` (rows, 256, C) and `pooled` (rows, C)."""
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
    """One training image: latents' `mean` and `std` (4, h, w), `hidden_states` (256, C), `pooled` (C)."""

    mean: Tensor
    std: Tensor
    hidden_states: Tensor
    pooled: Tensor


class CachedSamples:
    """The samples of one training cache, read from its files when asked for.

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
        row_of_caption = {caption: row for row, caption in enumerate(index["captions"])}
        self._captions = [row_of_caption[image["text"]] for image in index["images"]]
        self._places: list[tuple[str, int]] = [(image["shard"], image["row"]) for image in index["images"]]
        self.sizes: list[Size] = [
            (width, height) for width, height in (image["size"] for image in index["images"])
        ]
        self._open_files: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self._captions)

    def __getitem__(self, image: int) -> CachedSample:
        shard, row = self._places[image]
        text_shard, text_row = divmod(self._captions[image], SHARD_ROWS)
        return CachedSample(
            mean=self._read(shard, "mean", row),
            std=self._read(shard, "std", row),
            hidden_states=self._read(text_file(text_shard), "hidden_states", text_row),
            pooled=self._read(text_file(text_shard), "pooled", text_row),
        )

    def _read_index(self) -> dict[str, Any]:
        file = self._folder / "index.json"
        try:
            index = read_json(file)
        except (OSError, ValueError) as error:
            raise UserError(f"{file}: cannot be read ({error})", self._mend) from None
        if index.get("arithmetic", {}).get("format") != CACHE_FORMAT:
            raise UserError(f"{file}: made by another version of this program", self._mend)
        return index

    def _read(self, name: str, tensor: str, row: int) -> Tensor:
        try:
            if name not in self._open_files:
                self._open_files[name] = safe_open(self._folder / name, framework="pt")
            return self._open_files[name].get_slice(tensor)[row]
        except (OSError, SafetensorError, IndexError) as error:
            raise UserError(f"{self._folder / name}: cannot be read ({error})", self._mend) from None
