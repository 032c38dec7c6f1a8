"""The most memory a piece of work took."""

import threading
from types import TracebackType
from typing import Self

import psutil
import torch


class PeakMemory:
    """Measure the peak memory of a `with` block: of the GPU on CUDA, else of the whole process.

    The process is sampled twenty times a second, since the kernel's own high-water mark covers its whole
    life, in which other work may have come before.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._bytes = 0
        self._done = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._device.type != "cuda":
            self._done.set()
            self._sampler.join()

    @property
    def bytes(self) -> int:
        """The peak so far."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        return self._bytes

    def _sample(self) -> None:
        process = psutil.Process()
        while True:
            self._bytes = max(self._bytes, process.memory_info().rss)
            if self._done.wait(0.05):
                return
