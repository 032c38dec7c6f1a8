from collections import Counter
from itertools import pairwise

import pytest
import torch

from kolors_dagster.kolors.batch_order import BatchOrder, make_generator

PORTRAIT, SQUARE, LANDSCAPE = (64, 96), (64, 64), (96, 64)
MIXED = [PORTRAIT] * 13 + [SQUARE] * 2 + [LANDSCAPE] * 8


@pytest.mark.parametrize("batch_size", [1, 3, 4, 30])
def test_a_batch_is_full_and_of_one_size_and_a_function_of_its_step(batch_size: int) -> None:
    order = BatchOrder(MIXED, batch_size, seed=1)
    batches = [order.images_of(step) for step in range(60)]
    for batch in batches:
        assert len(batch) == batch_size
        assert len({MIXED[image] for image in batch}) == 1
    for step in (59, 0, 31, 30):
        assert BatchOrder(MIXED, batch_size, seed=1).images_of(step) == batches[step]
    assert [BatchOrder(MIXED, batch_size, seed=2).images_of(step) for step in range(60)] != batches


@pytest.mark.parametrize("batch_size", [1, 3, 4, 5])
def test_every_image_is_seen_equally_often(batch_size: int) -> None:
    """What a bucket's last batch of an epoch lends from the next epoch is all that can differ."""
    order = BatchOrder(MIXED, batch_size, seed=3)
    seen: Counter[int] = Counter()
    epochs, steps = 40, 0
    for epoch in range(1, epochs + 1):
        until = sum(-(-epoch * MIXED.count(size) // batch_size) for size in set(MIXED))
        for step in range(steps, until):
            seen.update(order.images_of(step))
        steps = until
        ahead = -(-(batch_size - 1) // 2)  # of the smallest bucket: a batch may hold each image so often more
        assert all(epoch <= seen[image] <= epoch + max(1, ahead) for image in range(len(MIXED))), epoch
    assert seen.total() == steps * batch_size


def test_sizes_take_turns() -> None:
    sizes = [PORTRAIT] * 20 + [LANDSCAPE] * 20
    order = BatchOrder(sizes, 4, seed=5)
    epochs = [[sizes[order.images_of(step)[0]] for step in range(at, at + 10)] for at in range(0, 100, 10)]
    assert all(Counter(epoch) == {PORTRAIT: 5, LANDSCAPE: 5} for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 5
    changes = sum(one != next_ for epoch in epochs for one, next_ in pairwise(epoch))
    assert changes > 30  # of 90; one bucket after the other would be 10


@pytest.mark.parametrize("batch_size", [1, 3, 12, 5])
def test_images_of_one_size_are_cut_off_the_shuffled_epochs(batch_size: int) -> None:
    stream = [
        image
        for epoch in range(60)
        for image in torch.randperm(5, generator=make_generator(42, "order", epoch)).tolist()
    ]
    order = BatchOrder([SQUARE] * 5, batch_size, seed=42)
    for step in range(25):
        assert order.images_of(step) == stream[step * batch_size : (step + 1) * batch_size]


def test_with_one_image_a_step_buckets_do_not_change_the_order() -> None:
    mixed, alike = (BatchOrder(sizes, 1, seed=7) for sizes in (MIXED, [SQUARE] * len(MIXED)))
    assert [mixed.images_of(step) for step in range(60)] == [alike.images_of(step) for step in range(60)]
