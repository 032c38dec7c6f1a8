import gc
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.cache_shards import Encode, Rows, encode_shards

CPU = torch.device("cpu")
KEYS = [f"key {number}" for number in range(12)]
SHARDS = [[0, 2, 4, 6, 8, 10, 11], [1], [3, 5, 7, 9]]


def encode_up_to(most: int, given: list[list[int]]) -> Callable[[], Encode]:
    """Return a loader of an encoder that notes what it is given, and runs out of memory above `most`."""

    def encode(items: Sequence[int]) -> Rows:
        given.append(list(items))
        if len(items) > most:
            raise torch.OutOfMemoryError
        return {"row": torch.tensor([[float(item)] * 3 for item in items])}

    return lambda: encode


def read(files: list[Path]) -> list[list[float]]:
    return [load_file(file)["row"][:, 0].tolist() for file in files]


def test_a_shard_is_encoded_in_batches_of_its_own(tmp_path: Path) -> None:
    given: list[list[int]] = []
    files, reused, _ = encode_shards("image", KEYS, SHARDS, encode_up_to(4, given), 4, tmp_path, CPU)
    assert given == [[0, 2, 4, 6], [8, 10, 11], [1], [3, 5, 7, 9]]
    assert (read(files), reused) == (SHARDS, 0)


def test_out_of_memory_goes_on_with_fewer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    given: list[list[int]] = []
    files, _, _ = encode_shards("image", KEYS, SHARDS, encode_up_to(2, given), 4, tmp_path, CPU)
    assert given == [[0, 2, 4, 6], [0, 2], [4, 6], [8, 10], [11], [1], [3, 5], [7, 9]]
    assert read(files) == SHARDS
    assert caplog.text.count("out of memory with 4 images at a time; going on with 2") == 1
    with pytest.raises(UserError, match=r"not enough memory to encode one image\n"):
        encode_shards("image", ["other"] * 12, SHARDS, encode_up_to(0, given), 4, tmp_path, CPU)


def test_nothing_of_a_try_that_failed_stays_in_memory(tmp_path: Path) -> None:
    left: list[weakref.ref[torch.Tensor]] = []

    def load() -> Encode:
        def encode(items: Sequence[int]) -> Rows:
            assert all(reference() is None for reference in left)
            tensor = torch.zeros(len(items), 3)
            left.append(weakref.ref(tensor))
            if len(items) > 1:
                raise torch.OutOfMemoryError
            return {"row": tensor.clone()}

        return encode

    gc.disable()  # by reference counts alone
    try:
        encode_shards("image", KEYS[:4], [[0, 1, 2, 3]], load, 4, tmp_path, CPU)
    finally:
        gc.enable()
    assert len(left) == 6


def test_finished_shards_are_taken_by_what_they_are_made_from(tmp_path: Path) -> None:
    given: list[list[int]] = []
    first, _, _ = encode_shards("image", KEYS, SHARDS[:2], encode_up_to(4, given), 4, tmp_path, CPU)
    given.clear()
    files, reused, _ = encode_shards("image", KEYS, SHARDS, encode_up_to(4, given), 4, tmp_path, CPU)
    assert (files[:2], reused, given) == (first, 2, [[3, 5, 7, 9]])
    given.clear()
    changed = [*KEYS[:8], "changed", *KEYS[9:]]
    _, reused, _ = encode_shards("image", changed, SHARDS, encode_up_to(8, given), 8, tmp_path, CPU)
    assert (reused, given) == (2, [SHARDS[0]])
    _, reused, _ = encode_shards("caption", KEYS, SHARDS, encode_up_to(4, given), 4, tmp_path, CPU)
    assert reused == 0
