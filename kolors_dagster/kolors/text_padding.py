"""The padding in front of a text, folded: tokens that are all alike go through the UNet as one.

Every text is padded in front to 256 tokens, and Kolors' UNet looks at them all. ChatGLM3 makes the very same
of each padding token, for they have one word, one position and one neighbourhood; so they have one key and
one value in every cross-attention too. Of n equal keys, softmax gives n · exp(score) = exp(score + log n) to
that value: one key whose score is raised by log n is the same sum. A prompt of forty tokens then takes a
quarter of the cross-attention, and of its keys and values.
"""

import torch
from torch import Tensor

from kolors_dagster.kolors.request import MAX_TOKENS

_MULTIPLE = 64
"""Of how many tokens folded texts are: few shapes, and blocks that the kernels need not mask."""


def count_needed(hidden_states: Tensor) -> int:
    """Return how many of the last tokens say all about texts (n, 256, C), whose first ones are alike.

    256 if there is nothing to fold: the rows are compared, so that no other encoder is taken for ChatGLM3.
    """
    alike = (hidden_states == hidden_states[:, :1]).all(dim=-1)
    padding = int(alike.cumprod(dim=1).sum(dim=1).min())
    needed = hidden_states.shape[1] - padding + 1
    return min(-(-needed // _MULTIPLE) * _MULTIPLE, MAX_TOKENS)


def fold_padding(hidden_states: Tensor) -> Tensor:
    """Return the last tokens (n, t, C) of texts (n, 256, C), the first of them in place of all before it."""
    return hidden_states[:, -count_needed(hidden_states) :]


def unfold_padding(hidden_states: Tensor) -> Tensor:
    """Return texts (n, 256, C) as they were before `fold_padding`."""
    first = hidden_states[:, :1].expand(-1, MAX_TOKENS - hidden_states.shape[1], -1)
    return torch.cat([first, hidden_states], dim=1)


def count_first(tokens: int) -> int:
    """Return how many of 256 tokens the first of `tokens` stands for."""
    return MAX_TOKENS + 1 - tokens
