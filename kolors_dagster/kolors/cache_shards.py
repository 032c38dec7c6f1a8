"""Encode a data set to shards of up to 32 rows: in batches, with progress, going on after a kill."""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from kolors_dagster.errors import UserError
from kolors_dagster.files import write_whole_file
from kolors_dagster.hashing import hash_json
from kolors_dagster.kolors.device_memory import release_memory

_log = logging.getLogger(__name__)

Rows = dict[str, Tensor]
"""Named tensors, one row an item."""
Encode = Callable[[Sequence[int]], Rows]
"""Encode the items of these numbers, all alike in shape."""


def encode_shards(
    unit: str,
    keys: Sequence[str],
    shards: Sequence[Sequence[int]],
    load_encoder: Callable[[], Encode],
    at_a_time: int,
    work: Path,
    device: torch.device,
) -> tuple[list[Path], int, float | None]:
    """Write each shard's items to a file in `work`; return the files, how many there were, items a second.

    A file is named by the keys of its items, what they are made from, so one of other inputs is never taken
    for it. The encoder is loaded only if a file is missing, and let go of on return. It is given `at_a_time`
    items of a shard, and fewer once memory ran out. Raises UserError if there is not enough for one.
    """
    names = [hash_json([unit, *(keys[item] for item in shard)]) for shard in shards]
    files = [work / f"{name}.safetensors" for name in names]
    missing = [(file, shard) for file, shard in zip(files, shards, strict=True) if not file.is_file()]
    rate = None
    if missing:
        encode = load_encoder()
        start = time.perf_counter()
        quiet = not sys.stderr.isatty()
        with tqdm(
            total=len(keys),
            initial=len(keys) - sum(len(shard) for _, shard in missing),
            desc=f"encode {unit}s",
            unit=unit,
            mininterval=10 if quiet else 0.5,
        ) as bar:
            for file, shard in missing:
                parts: list[Rows] = []
                rest = shard
                while rest:
                    part = _encode_or_run_out(encode, rest[:at_a_time])
                    if part is None:
                        at_a_time = _halve(at_a_time, unit, device)
                        continue
                    parts.append(part)
                    bar.update(len(rest[:at_a_time]))
                    rest = rest[at_a_time:]
                with write_whole_file(file) as aside:
                    save_file(
                        {name: torch.cat([part[name] for part in parts]).cpu() for name in parts[0]}, aside
                    )
        rate = sum(len(shard) for _, shard in missing) / (time.perf_counter() - start)
    return files, len(files) - len(missing), rate


def _encode_or_run_out(encode: Encode, items: Sequence[int]) -> Rows | None:
    """Return None out of memory: the error itself would hold on to what the try had made."""
    try:
        return encode(items)
    except torch.OutOfMemoryError:
        return None


def _halve(at_a_time: int, unit: str, device: torch.device) -> int:
    if at_a_time == 1:
        raise UserError(
            f"training cache: not enough memory to encode one {unit}",
            "close what else uses the device, or lower training.resolution",
        )
    _log.warning("out of memory with %d %ss at a time; going on with %d", at_a_time, unit, at_a_time // 2)
    release_memory(device)
    return at_a_time // 2
