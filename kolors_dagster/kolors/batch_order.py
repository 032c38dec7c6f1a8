"""Which images a training step sees: of one size, all equally often, in a new order every epoch."""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Generator

from kolors_dagster.kolors.buckets import Size


class BatchOrder:
    """The images of each step's batch: a function of the seed and the step's number alone.

    An epoch shuffles all images. Each bucket takes its own images out of that, and its batches follow one
    another through them: what is left of an epoch is filled up from the next, so that no image is lost, and
    a batch may be larger than its bucket. A batch is due where the shuffled images have its first one. With
    all images of one size, batches are simply cut off the shuffled epochs.
    """

    def __init__(self, sizes: Sequence[Size], batch_size: int, seed: int) -> None:
        self._sizes = sizes
        self._batch_size = batch_size
        self._seed = seed
        self._count = Counter(sizes)
        self._due = lru_cache(maxsize=1)(self._list_due)
        self._by_size = lru_cache(maxsize=2)(self._group)  # a batch may reach into the next epoch

    def images_of(self, step: int) -> list[int]:
        """Return the numbers of the images in the batch of `step`, all of one size."""
        epochs = range((step + 1) * self._batch_size // len(self._sizes) + 2)
        epoch = bisect_right(epochs, step, key=self._batches_before) - 1
        size, start = self._due(epoch)[step - self._batches_before(epoch)]
        return [self._image_at(size, start + offset) for offset in range(self._batch_size)]

    def _batches_before(self, epoch: int) -> int:
        """Return how many batches, of all sizes, begin before `epoch`."""
        return sum(-(-epoch * count // self._batch_size) for count in self._count.values())

    def _list_due(self, epoch: int) -> list[tuple[Size, int]]:
        """Return the batches that begin in `epoch`: size and position among the images of that size."""
        reached = {size: epoch * count for size, count in self._count.items()}
        due = []
        for image in self._shuffle(epoch):
            size = self._sizes[image]
            if reached[size] % self._batch_size == 0:
                due.append((size, reached[size]))
            reached[size] += 1
        return due

    def _image_at(self, size: Size, position: int) -> int:
        epoch, place = divmod(position, self._count[size])
        return self._by_size(epoch)[size][place]

    def _group(self, epoch: int) -> dict[Size, list[int]]:
        images: dict[Size, list[int]] = {size: [] for size in self._count}
        for image in self._shuffle(epoch):
            images[self._sizes[image]].append(image)
        return images

    def _shuffle(self, epoch: int) -> list[int]:
        generator = make_generator(self._seed, "order", epoch)
        order: list[int] = torch.randperm(len(self._sizes), generator=generator).tolist()
        return order


def make_generator(seed: int, purpose: str, number: int) -> Generator:
    """Return a generator of its own for each purpose and number, independent of PyTorch's global state."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{number}".encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
