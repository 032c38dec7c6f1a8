"""Shards read as they appear, kept on the training device."""

import threading
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kolors_dagster.mini.training.scenes import SIDE


class GrowingPictures:
    """Pictures (n, 256, 256, 3), bytes on `device`, that grow while shards are still being drawn.

    `heads` (n, 3) is where their heads are: middle x and y, and height, in pixels. `shards` are the files
    read so far, in the order of their pictures.
    """

    def __init__(self, folder: Path, capacity: int, device: torch.device) -> None:
        self.folder = folder
        self.pictures = torch.empty((capacity, SIDE, SIDE, 3), dtype=torch.uint8, device=device)
        self.heads = torch.empty((capacity, 3), device=device)
        self.count = 0
        self.shards: list[Path] = []
        self.complete = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait_for(self, count: int) -> None:
        """Return when `count` pictures are there, or all of them."""
        while self.count < count and not self.complete:
            time.sleep(0.5)

    def choose(self, size: int, generator: torch.Generator) -> Tensor:
        """Return the rows of `size` pictures, by lot."""
        return torch.randint(self.count, (size,), generator=generator, device=self.pictures.device)

    def stop(self) -> None:
        """Read no more shards."""
        self.complete = True
        self._thread.join()

    def _read(self) -> None:
        done: set[Path] = set()
        while not self.complete:
            finished = (self.folder / "complete").exists()
            for path in sorted(set(self.folder.glob("*.npz")) - done):
                with np.load(path) as shard:
                    block, heads = torch.from_numpy(shard["pictures"]), torch.from_numpy(shard["heads"])
                if self.complete or self.count + len(block) > len(self.pictures):
                    finished = True
                    break
                rows = slice(self.count, self.count + len(block))
                self.pictures[rows] = block.to(self.pictures.device)
                self.heads[rows] = heads.to(self.heads.device)
                torch.cuda.synchronize() if self.pictures.is_cuda else None
                self.shards.append(path)
                done.add(path)
                self.count += len(block)
            self.complete = self.complete or finished
            time.sleep(0.2)


def to_pixels(pictures: Tensor) -> Tensor:
    """Return bytes (n, h, w, 3) as (n, 3, h, w) in [-1, 1]."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
