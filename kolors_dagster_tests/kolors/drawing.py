"""Small requests, and what a bundle draws of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.request import DrawRequest

REQUEST = DrawRequest(1, "女孩在海边", "text", 1, 64, 64, 2, 4.0, 1.0)


def make_requests(count: int) -> list[DrawRequest]:
    return [replace(REQUEST, number=n, prompt=f"女孩，第{n}幅", seed=n) for n in range(1, count + 1)]


def draw(
    bundle: KolorsBundle, requests: list[DrawRequest], lora: Path | None = None
) -> dict[int, np.ndarray]:
    return {drawn.number: np.asarray(drawn.image) for drawn in bundle.draw(requests, lora)}
