"""The learning rate over time."""

import math


def learning_rate(step: int, progress: float, warmup: int) -> float:
    """Return the share of the peak: up over `warmup` steps, then down a cosine as `progress` goes 0 to 1."""
    return min(1.0, (step + 1) / warmup) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))
