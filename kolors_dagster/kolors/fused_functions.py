"""The UNet's functions that wait for memory, not for arithmetic: on a GPU each becomes one kernel or two.

Matrix products and convolutions stay with cuBLAS and cuDNN, which nothing compiled here would beat; so a few
seconds of compiling, kept on disk by PyTorch, give what compiling the whole UNet gives in minutes.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# The same function meets some twenty shapes, each of them with and without gradients.
_SHAPES = 128


def geglu(projected: Tensor) -> Tensor:
    """Return (…, c) from (…, 2c): the first half times the GELU of the second (Shazeer 2020)."""
    return _run(_geglu, projected)


def norm_silu(x: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Return the SiLU of the group norm of `x` (n, c, h, w)."""
    return _run(_norm_silu, x, norm.num_groups, norm.weight, norm.bias, norm.eps)


def shift_norm_silu(x: Tensor, shift: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Return the SiLU of the group norm of `x` (n, c, h, w) + `shift` (n, c)."""
    return _run(_shift_norm_silu, x, shift, norm.num_groups, norm.weight, norm.bias, norm.eps)


def group_norm(x: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Return the group norm of `x` (n, c, h, w)."""
    return _run(functional.group_norm, x, norm.num_groups, norm.weight, norm.bias, norm.eps)


def add_norm(x: Tensor, change: Tensor, norm: nn.LayerNorm) -> tuple[Tensor, Tensor]:
    """Return `x` + `change`, both (…, c), and the layer norm of that."""
    return _run(_add_norm, x, change, norm.weight, norm.bias, norm.eps)


def _geglu(projected: Tensor) -> Tensor:
    value, gate = projected.chunk(2, dim=-1)
    return value * functional.gelu(gate)


def _norm_silu(x: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    return functional.silu(functional.group_norm(x, groups, weight, bias, eps))


def _shift_norm_silu(
    x: Tensor, shift: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float
) -> Tensor:
    return _norm_silu(x + shift[:, :, None, None], groups, weight, bias, eps)


def _add_norm(x: Tensor, change: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    total = x + change
    return total, functional.layer_norm(total, (total.shape[-1],), weight, bias, eps)


def _run(function: Callable[..., Any], x: Tensor, *arguments: Any) -> Any:
    return (_compile(function) if x.is_cuda else function)(x, *arguments)


@cache
def _compile(function: Callable[..., Any]) -> Callable[..., Any]:
    # Here and not above: PyTorch's compiler takes seconds to import.
    torch._dynamo.config.recompile_limit = _SHAPES
    return torch.compile(function, dynamic=False, fullgraph=True)
