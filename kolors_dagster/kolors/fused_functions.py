"""The UNet's functions that wait for memory, not for arithmetic: on a GPU each is one kernel, or three.

Matrix products and convolutions stay with cuBLAS and cuDNN. PyTorch's compiler would write such kernels too,
but takes a minute over their backward passes, longer than the training that they shorten. Triton is imported
where it is used, for only CUDA has it: elsewhere the same functions are plain PyTorch. Norms' weights get no
gradient.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional

from kolors_dagster.kolors.attention import attend_plainly, split_heads


def geglu(projected: Tensor) -> Tensor:
    """Return (…, c) from (…, 2c): the first half times the GELU of the second (Shazeer 2020)."""
    if projected.is_cuda:
        return _Geglu.apply(projected.contiguous())
    value, gate = projected.chunk(2, dim=-1)
    return value * functional.gelu(gate)


def multiply_gated(x: Tensor, layer: Any) -> Tensor:
    """Return GEGLU of what `layer` makes of `x`; where nothing is learnt, on a Hopper GPU, in one kernel."""
    if not _gates_in_product(x, layer):
        return geglu(layer(x))
    from kolors_dagster.kolors.kernels import gated_product

    out = gated_product.multiply_gated(x.reshape(-1, x.shape[-1]), layer.weight, layer.bias)
    return out.view(*x.shape[:-1], -1)


def _gates_in_product(x: Tensor, layer: Any) -> bool:
    if not x.is_cuda or torch.is_grad_enabled() or type(layer) is not nn.Linear or layer.bias is None:
        return False
    if x.dtype not in (torch.float16, torch.bfloat16):
        return False
    from kolors_dagster.kolors.kernels import gated_product

    return gated_product.can_multiply(x, layer.weight)


def shift_norm(x: Tensor, shift: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Return the layer norm of `x` (…, c) + `shift` (c), where nothing is learnt; `shift` is fp32."""
    if x.is_cuda:
        from kolors_dagster.kolors.kernels import layer_norm

        return layer_norm.shift_norm(x, shift, norm.weight, norm.bias, norm.eps)
    shifted = (x + shift).to(x.dtype)
    return functional.layer_norm(shifted, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def add_norm(x: Tensor, change: Tensor | None, norm: nn.LayerNorm) -> tuple[Tensor, Tensor]:
    """Return `x` + `change`, both (…, c), and the layer norm of that."""
    if x.is_cuda:
        change = None if change is None else change.contiguous()
        return _AddNorm.apply(x.contiguous(), change, norm.weight, norm.bias, norm.eps)
    total = x if change is None else x + change
    return total, functional.layer_norm(total, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def group_norm_joined(x: Tensor, beside: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Return SiLU of the group norm of `x` (n, c, h, w) and `beside` (n, d, h, w) as one picture.

    Where nothing is learnt: on a GPU the two are read where they lie.
    """
    if not x.is_cuda:
        return group_norm(torch.cat([x, beside], dim=1), norm, silu=True)
    from kolors_dagster.kolors.kernels import group_norm as kernels

    rows, others = (part.permute(0, 2, 3, 1).contiguous() for part in (x, beside))
    out, _, _ = kernels.group_norm(
        rows.flatten(1, 2),
        None,
        norm.num_groups,
        norm.weight,
        norm.bias,
        norm.eps,
        True,
        others.flatten(1, 2),
    )
    return out.view(*rows.shape[:3], -1).permute(0, 3, 1, 2)


def group_norm(x: Tensor, norm: nn.GroupNorm, shift: Tensor | None = None, *, silu: bool = False) -> Tensor:
    """Return the group norm of `x` (n, c, h, w) + `shift` (n, c), and the SiLU of that if asked for."""
    if x.is_cuda:
        rows = x.permute(0, 2, 3, 1).contiguous()
        if shift is not None:
            shift = shift.contiguous()
        out: Tensor = _GroupNorm.apply(
            rows.flatten(1, 2), shift, norm.num_groups, norm.weight, norm.bias, norm.eps, silu
        )
        return out.view(rows.shape).permute(0, 3, 1, 2)
    if shift is not None:
        x = x + shift[:, :, None, None]
    x = functional.group_norm(x, norm.num_groups, norm.weight, norm.bias, norm.eps)
    return functional.silu(x) if silu else x


def add_bias(x: Tensor, y: Tensor, bias: Tensor) -> Tensor:
    """Return `x` + `y`, both (n, c, h, w), + `bias` (c), which gets no gradient."""
    if x.is_cuda:
        rows, others = (part.permute(0, 2, 3, 1).contiguous() for part in (x, y))
        out: Tensor = _AddBias.apply(rows, others, bias)
        return out.permute(0, 3, 1, 2)
    return x + (y + bias[:, None, None])


def attend(packed: Sequence[Tensor], heads: int, first_counts: int = 1) -> Tensor:
    """Return what `attend_plainly` does of the same.

    With gradients, or of a folded text, a GPU takes kernels of our own: PyTorch's either do not repeat to the
    bit or take twice as long. Not in fp32, which tensor cores multiply with ten bits only.
    """
    if not packed[0].is_cuda or packed[0].dtype == torch.float32:
        return attend_plainly(packed, heads, first_counts)
    if torch.is_grad_enabled():
        out: Tensor = _Attend.apply(heads, first_counts, *packed)
        return out
    if first_counts == 1:
        return attend_plainly(packed, heads)
    from kolors_dagster.kolors.kernels import attention, text_attention

    query, key, value = split_heads(packed, heads)
    if text_attention.can_attend(key.shape[1]):
        return text_attention.attend(query, key, value, first_counts).flatten(2)
    return attention.attend(query, key, value, first_counts)[0].flatten(2)


class _Geglu(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        from kolors_dagster.kolors.kernels import pointwise

        return pointwise.geglu(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        from kolors_dagster.kolors.kernels import pointwise

        (x,) = ctx.saved_tensors
        return pointwise.geglu_back(x, grads[0].contiguous())


class _AddNorm(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, change: Tensor | None, weight: Tensor, bias: Tensor, eps: float) -> Any:
        from kolors_dagster.kolors.kernels import layer_norm

        total, out, mean, rstd = layer_norm.add_norm(x, change, weight, bias, eps)
        ctx.save_for_backward(total, weight, mean, rstd)
        ctx.changes = change is not None
        return (total if ctx.changes else x.view_as(x)), out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        from kolors_dagster.kolors.kernels import layer_norm

        total, weight, mean, rstd = ctx.saved_tensors
        of_total, of_out = (grad.contiguous() for grad in grads)
        grad = layer_norm.add_norm_back(total, of_total, of_out, weight, mean, rstd)
        return grad, grad if ctx.changes else None, None, None, None


class _GroupNorm(Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        shift: Tensor | None,
        groups: int,
        weight: Tensor,
        bias: Tensor,
        eps: float,
        silu: bool,
    ) -> Tensor:
        from kolors_dagster.kolors.kernels import group_norm

        out, mean, rstd = group_norm.group_norm(x, shift, groups, weight, bias, eps, silu)
        ctx.save_for_backward(x, shift, weight, bias, mean, rstd)
        ctx.options = (groups, silu)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        from kolors_dagster.kolors.kernels import group_norm

        x, shift, weight, bias, mean, rstd = ctx.saved_tensors
        groups, silu = ctx.options
        grad = group_norm.group_norm_back(
            x, shift, grads[0].contiguous(), groups, weight, bias, mean, rstd, silu
        )
        return grad, grad.sum(dim=1) if ctx.needs_input_grad[1] else None, None, None, None, None, None


class _AddBias(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, bias: Tensor) -> Tensor:
        from kolors_dagster.kolors.kernels import pointwise

        return pointwise.add_bias(x, y, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return grads[0], grads[0], None


class _Attend(Function):
    @staticmethod
    def forward(ctx: Any, heads: int, first_counts: int, *packed: Tensor) -> Tensor:
        from kolors_dagster.kolors.kernels import attention

        query, key, value = split_heads(packed, heads)
        out, lse = attention.attend(query, key, value, first_counts)
        ctx.save_for_backward(out, lse, *packed)
        ctx.heads, ctx.first_counts = heads, first_counts
        return out.flatten(2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        from kolors_dagster.kolors.kernels import attention_back

        out, lse, *packed = ctx.saved_tensors
        backs = [torch.empty_like(part) for part in packed]
        grad = grads[0].contiguous().view(out.shape)
        query, key, value = split_heads(packed, ctx.heads)
        dq, dk, dv = split_heads(backs, ctx.heads)
        attention_back.attend_back(query, key, value, out, lse, grad, dq, dk, dv, ctx.first_counts)
        return None, None, *backs
