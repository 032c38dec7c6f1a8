"""Counts what the real model computes, whoever calls it: drawing, caching, training."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """Yield a counter: `unet` by rows of its batches, `text` by texts, `decode` and `encode` by pictures."""
    from kolors_dagster.kolors.text import TextEncoder
    from kolors_dagster.kolors.unet import KolorsUNet
    from kolors_dagster.kolors.vae import VAE

    calls: Counter[str] = Counter()
    watched = ((KolorsUNet, "forward", "unet"), (TextEncoder, "encode", "text"))
    pictures = ((VAE, "decode", "decode"), (VAE, "encode_mean_std", "encode"))
    with pytest.MonkeyPatch.context() as patch:
        for owner, method, name in (*watched, *pictures):
            patch.setattr(owner, method, _counting(getattr(owner, method), name, calls))
        yield calls


def _counting(method: Callable[..., Any], name: str, calls: Counter[str]) -> Callable[..., Any]:
    def counted(self: object, batch: Any, *args: Any, **kwargs: Any) -> Any:
        calls[name] += len(batch)
        return method(self, batch, *args, **kwargs)

    return counted
