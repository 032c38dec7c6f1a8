"""What every measurement on the GPU needs: the time and the memory it took."""

import gc
import time
from collections.abc import Callable
from typing import Any

import torch

CUDA = torch.device("cuda")


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    torch.cuda.synchronize()
    start = time.perf_counter()
    result = work()
    torch.cuda.synchronize()
    return result, round(time.perf_counter() - start, 2)


def free() -> None:
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()


def peak_gib() -> float:
    return round(torch.cuda.max_memory_allocated() / 2**30, 1)
