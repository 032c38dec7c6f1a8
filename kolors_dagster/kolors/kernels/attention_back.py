"""Kernels of attention: the backward pass, which repeats to the bit for nothing is added atomically.

Two kernels, at the price of computing the weights twice: one keeps queries and walks over keys (gradient for
q), the other keeps keys and walks over queries (gradients for k and v). Where keys are so few that most of
the GPU would idle, queries are cut into parts, whose sums a third kernel adds in order.
"""

# ruff: noqa: ANN001, ANN202 (Triton has types of its own)
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls

# Lists of arguments by the line, not one to a line:
# fmt: off
import torch
import triton
import triton.language as tl
from torch import Tensor

from kolors_dagster.kolors.kernels.attention import (
    BLOCK,
    OPTIONS,
    load_rows,
    raise_first,
    raise_of,
    scale_of,
    store_rows,
)

FEWEST_PROGRAMS = 132  # as many as an H100 has multiprocessors
_ROWS = 32  # that one program adds up

_LN2 = tl.constexpr(0.6931471805599453)


@triton.jit
def _take_keys(
    q, grad, k_ptr, v_ptr, k_row, v_row, keys, start, dq, lse, delta, scale, raised, width: tl.constexpr,
    block: tl.constexpr, masked: tl.constexpr, raises: tl.constexpr,
):
    """Return the gradient for q with one more block of keys in it."""
    k = load_rows(k_ptr, start, k_row, keys, block, width, masked)
    v = load_rows(v_ptr, start, v_row, keys, block, width, masked)
    score = tl.dot(q, tl.trans(k))
    if raises:
        score = raise_first(score, start, raised, False)
    weight = tl.exp2(score * scale - lse[:, None])
    if masked:
        weight = tl.where((start + tl.arange(0, block) < keys)[None, :], weight, 0.0)
    slope = weight * (tl.dot(grad, tl.trans(v)) - delta[:, None])
    return tl.dot(slope.to(k.dtype), k, dq)


@triton.jit
def _back_to_queries(
    q_ptr, k_ptr, v_ptr, out_ptr, lse_ptr, grad_ptr, dq_ptr, delta_ptr, q_picture, q_row, q_head, k_picture,
    k_row, k_head, v_picture, v_row, v_head, out_picture, out_row, out_head, grad_picture, grad_row,
    grad_head, dq_picture, dq_row, dq_head, queries, keys, scale, raised, width: tl.constexpr,
    block: tl.constexpr, odd_queries: tl.constexpr, odd_keys: tl.constexpr, raises: tl.constexpr,
):
    """Write the gradient for q, and each query's sum of out · grad, which `_back_to_keys` takes."""
    first, head = tl.program_id(0) * block, tl.program_id(1)
    picture = tl.program_id(2).to(tl.int64)
    k_ptr += picture * k_picture + head * k_head
    v_ptr += picture * v_picture + head * v_head
    q_ptr += picture * q_picture + head * q_head
    out_ptr += picture * out_picture + head * out_head
    grad_ptr += picture * grad_picture + head * grad_head
    dq_ptr += picture * dq_picture + head * dq_head
    each = (picture * tl.num_programs(1) + head) * queries + first + tl.arange(0, block)
    inside = first + tl.arange(0, block) < queries
    grad = load_rows(grad_ptr, first, grad_row, queries, block, width, odd_queries)
    out = load_rows(out_ptr, first, out_row, queries, block, width, odd_queries)
    delta = tl.sum(out.to(tl.float32) * grad.to(tl.float32), 1)
    tl.store(delta_ptr + each, delta, mask=inside)
    q = load_rows(q_ptr, first, q_row, queries, block, width, odd_queries)
    lse = tl.load(lse_ptr + each, mask=inside, other=0.0)
    dq = tl.zeros((block, width), tl.float32)
    whole = keys // block * block
    for start in range(0, whole, block):
        dq = _take_keys(
            q, grad, k_ptr, v_ptr, k_row, v_row, keys, start, dq, lse, delta, scale, raised, width, block,
            False, raises,
        )
    if odd_keys:
        dq = _take_keys(
            q, grad, k_ptr, v_ptr, k_row, v_row, keys, whole, dq, lse, delta, scale, raised, width, block,
            True, raises,
        )
    store_rows(dq_ptr, dq * (scale * _LN2), first, dq_row, queries, block, width, odd_queries)


@triton.jit
def _back_to_keys(
    q_ptr, k_ptr, v_ptr, lse_ptr, grad_ptr, delta_ptr, dk_ptr, dv_ptr, q_picture, q_row, q_head, k_picture,
    k_row, k_head, v_picture, v_row, v_head, grad_picture, grad_row, grad_head, dk_part, dk_picture, dk_row,
    dk_head, dv_part, dv_picture, dv_row, dv_head, queries, keys, parts, of_a_part, scale, raised,
    width: tl.constexpr, block: tl.constexpr, odd_queries: tl.constexpr, odd_keys: tl.constexpr,
    raises: tl.constexpr,
):
    """Write the gradients for k and v, or what one part of the queries adds to them."""
    first, head = tl.program_id(0) * block, tl.program_id(1)
    picture, part = (tl.program_id(2) // parts).to(tl.int64), tl.program_id(2) % parts
    q_ptr += picture * q_picture + head * q_head
    grad_ptr += picture * grad_picture + head * grad_head
    lse_ptr += (picture * tl.num_programs(1) + head) * queries
    delta_ptr += (picture * tl.num_programs(1) + head) * queries
    k_ptr += picture * k_picture + head * k_head
    v_ptr += picture * v_picture + head * v_head
    k = load_rows(k_ptr, first, k_row, keys, block, width, odd_keys)
    v = load_rows(v_ptr, first, v_row, keys, block, width, odd_keys)
    dk = tl.zeros((block, width), tl.float32)
    dv = tl.zeros((block, width), tl.float32)
    for start in range(part * of_a_part, tl.minimum((part + 1) * of_a_part, queries), block):
        q = load_rows(q_ptr, start, q_row, queries, block, width, odd_queries)
        grad = load_rows(grad_ptr, start, grad_row, queries, block, width, odd_queries)
        row = start + tl.arange(0, block)
        if odd_queries:  # queries past the end add nothing, for q, grad and delta are zero there
            lse = tl.load(lse_ptr + row, mask=row < queries, other=0.0)
            delta = tl.load(delta_ptr + row, mask=row < queries, other=0.0)
        else:
            lse = tl.load(lse_ptr + row)
            delta = tl.load(delta_ptr + row)
        # (keys, queries), so that the next product takes it as it lies
        score = tl.dot(k, tl.trans(q))
        if raises:
            score = raise_first(score, first, raised, True)
        weight = tl.exp2(score * scale - lse[None, :])
        dv = tl.dot(weight.to(grad.dtype), grad, dv)
        slope = weight * (tl.dot(v, tl.trans(grad)) - delta[None, :])
        dk = tl.dot(slope.to(q.dtype), q, dk)
    dk_ptr += part.to(tl.int64) * dk_part + picture * dk_picture + head * dk_head
    dv_ptr += part.to(tl.int64) * dv_part + picture * dv_picture + head * dv_head
    store_rows(dk_ptr, dk * (scale * _LN2), first, dk_row, keys, block, width, odd_keys)
    store_rows(dv_ptr, dv, first, dv_row, keys, block, width, odd_keys)


@triton.jit
def _add_parts(
    sums_ptr, out_ptr, out_picture, out_row, out_head, keys, parts, size, width: tl.constexpr,
    rows: tl.constexpr,
):
    """Add up `parts` sums (n, keys, heads, head_dim) of `size` numbers each, from the first to the last."""
    first, head = tl.program_id(0) * rows, tl.program_id(1)
    picture, heads = tl.program_id(2).to(tl.int64), tl.num_programs(1)
    sums_ptr += (picture * keys * heads + head) * width
    total = tl.zeros((rows, width), tl.float32)
    for _ in range(parts):
        total += load_rows(sums_ptr, first, heads * width, keys, rows, width, True)
        sums_ptr += size
    out_ptr += picture * out_picture + head * out_head
    store_rows(out_ptr, total, first, out_row, keys, rows, width, True)


def attend_back(
    q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, grad: Tensor, dq: Tensor, dk: Tensor,
    dv: Tensor, first_counts: int = 1,
) -> None:
    """Write the gradients for q, k and v into `dq`, `dk` and `dv`, from `grad`, that for `out`.

    The first five and `first_counts` are what `attention.attend` took and returned; of all tensors but lse
    only the last stride is fixed, to 1, so gradients may be slices of one that lies packed.
    """
    delta = _write_dq(q, k, v, out, lse, grad, dq, first_counts)
    _write_dk_dv(q, k, v, lse, grad, delta, dk, dv, first_counts)


def _write_dq(
    q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, grad: Tensor, dq: Tensor, first_counts: int
) -> Tensor:
    """Return the sums of out · grad (n, heads, queries)."""
    (count, queries, heads, width), keys = q.shape, k.shape[1]
    delta = torch.empty_like(lse)
    _back_to_queries[(triton.cdiv(queries, BLOCK), heads, count)](
        q, k, v, out, lse, grad, dq, delta, *q.stride()[:3], *k.stride()[:3], *v.stride()[:3],
        *out.stride()[:3], *grad.stride()[:3], *dq.stride()[:3], queries, keys, scale_of(width),
        raise_of(first_counts, width), width, BLOCK, queries % BLOCK != 0, keys % BLOCK != 0,
        first_counts > 1, **OPTIONS,
    )
    return delta


def _write_dk_dv(
    q: Tensor, k: Tensor, v: Tensor, lse: Tensor, grad: Tensor, delta: Tensor, dk: Tensor, dv: Tensor,
    first_counts: int,
) -> None:
    (count, queries, heads, width), keys = q.shape, k.shape[1]
    of_a_part = _size_part(count, queries, keys, heads)
    parts = triton.cdiv(queries, of_a_part)
    if parts == 1:
        dk_sums, dv_sums = dk[None], dv[None]
    else:
        dk_sums, dv_sums = torch.empty((2, parts, *k.shape), dtype=torch.float32, device=k.device)
    _back_to_keys[(triton.cdiv(keys, BLOCK), heads, count * parts)](
        q, k, v, lse, grad, delta, dk_sums, dv_sums, *q.stride()[:3], *k.stride()[:3], *v.stride()[:3],
        *grad.stride()[:3], *dk_sums.stride()[:4], *dv_sums.stride()[:4], queries, keys, parts, of_a_part,
        scale_of(width), raise_of(first_counts, width), width, BLOCK, queries % BLOCK != 0,
        keys % BLOCK != 0, first_counts > 1, **OPTIONS,
    )
    if parts > 1:
        for sums, whole in ((dk_sums, dk), (dv_sums, dv)):
            _add_parts[(triton.cdiv(keys, _ROWS), heads, count)](
                sums, whole, *whole.stride()[:3], keys, parts, k.numel(), width, _ROWS
            )


def _size_part(count: int, queries: int, keys: int, heads: int) -> int:
    """Return how many queries a part has, whole blocks: parts enough that every multiprocessor has work."""
    programs = triton.cdiv(keys, BLOCK) * heads * count
    blocks_of_queries = triton.cdiv(queries, BLOCK)
    parts = min(triton.cdiv(FEWEST_PROGRAMS, programs), blocks_of_queries)
    return triton.cdiv(blocks_of_queries, parts) * BLOCK
