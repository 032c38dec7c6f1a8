"""Kernels of attention, softmax(q · kᵀ / √head_dim) · v, whose results repeat to the bit: the forward pass.

A program keeps some queries of one head and walks over all keys in order (FlashAttention-2, Dao 2023), so no
sum depends on which program comes first. The sizes of blocks are fixed, for other sizes add up in another
order: never chosen by timing. `attention_back` has the gradients.
"""

# ruff: noqa: ANN001, ANN201, ANN202 (Triton has types of its own)
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls

# Lists of arguments by the line, not one to a line:
# fmt: off
import math

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 64  # queries and keys at a time: of what was tried on an H100, best or nearly so for every shape
OPTIONS = {"num_warps": 4, "num_stages": 3}


def scale_of(head_dim: int) -> float:
    """Return what scores are multiplied by, log2(e) in it: the kernels take powers of two."""
    return math.log2(math.e) / math.sqrt(head_dim)


@triton.jit
def load_rows(ptr, start, stride, count, rows: tl.constexpr, width: tl.constexpr, masked: tl.constexpr):
    """Return (rows, width) from row `start` on, `masked` with zeros from row `count` on."""
    row = start + tl.arange(0, rows)
    place = row[:, None] * stride + tl.arange(0, width)[None, :]
    if masked:
        return tl.load(ptr + place, mask=(row < count)[:, None], other=0.0)
    return tl.load(ptr + place)


@triton.jit
def store_rows(
    ptr, tile, start, stride, count, rows: tl.constexpr, width: tl.constexpr, masked: tl.constexpr,
):
    """Write what `load_rows` reads."""
    row = start + tl.arange(0, rows)
    place = row[:, None] * stride + tl.arange(0, width)[None, :]
    if masked:
        tl.store(ptr + place, tile.to(ptr.dtype.element_ty), mask=(row < count)[:, None])
    else:
        tl.store(ptr + place, tile.to(ptr.dtype.element_ty))


@triton.jit
def raise_first(score, start, raised, keys_first: tl.constexpr):
    """Return scores whose keys, from `start` on, are the rows or else the columns, key 0 raised."""
    if keys_first:
        return score + tl.where(start + tl.arange(0, score.shape[0]) == 0, raised, 0.0)[:, None]
    return score + tl.where(start + tl.arange(0, score.shape[1]) == 0, raised, 0.0)[None, :]


@triton.jit
def _take_keys(
    q, k_ptr, v_ptr, k_row, v_row, keys, start, out, top, total, scale, raised, width: tl.constexpr,
    block: tl.constexpr, masked: tl.constexpr, raises: tl.constexpr,
):
    """Return the weighted sum, highest score and sum of weights, with one more block of keys in them."""
    k = load_rows(k_ptr, start, k_row, keys, block, width, masked)
    score = tl.dot(q, tl.trans(k))
    if raises:
        score = raise_first(score, start, raised, False)
    if masked:
        score = tl.where((start + tl.arange(0, block) < keys)[None, :], score, float("-inf"))
    higher = tl.maximum(top, tl.max(score, 1) * scale)
    weight = tl.exp2(score * scale - higher[:, None])
    shrink = tl.exp2(top - higher)
    v = load_rows(v_ptr, start, v_row, keys, block, width, masked)
    out = tl.dot(weight.to(v.dtype), v, out * shrink[:, None])
    return out, higher, total * shrink + tl.sum(weight, 1)


@triton.jit
def _attend(
    q_ptr, k_ptr, v_ptr, out_ptr, lse_ptr, q_picture, q_row, q_head, k_picture, k_row, k_head, v_picture,
    v_row, v_head, out_picture, out_row, out_head, queries, keys, scale, raised, width: tl.constexpr,
    block: tl.constexpr, odd_queries: tl.constexpr, odd_keys: tl.constexpr, raises: tl.constexpr,
):
    first, head = tl.program_id(0) * block, tl.program_id(1)
    picture = tl.program_id(2).to(tl.int64)
    k_ptr += picture * k_picture + head * k_head
    v_ptr += picture * v_picture + head * v_head
    q_ptr += picture * q_picture + head * q_head
    q = load_rows(q_ptr, first, q_row, queries, block, width, odd_queries)
    out = tl.zeros((block, width), tl.float32)
    top = tl.full((block,), float("-inf"), tl.float32)
    total = tl.zeros((block,), tl.float32)
    whole = keys // block * block
    for start in range(0, whole, block):
        out, top, total = _take_keys(
            q, k_ptr, v_ptr, k_row, v_row, keys, start, out, top, total, scale, raised, width, block, False,
            raises,
        )
    if odd_keys:
        out, top, total = _take_keys(
            q, k_ptr, v_ptr, k_row, v_row, keys, whole, out, top, total, scale, raised, width, block, True,
            raises,
        )
    out_ptr += picture * out_picture + head * out_head
    store_rows(out_ptr, out / total[:, None], first, out_row, queries, block, width, odd_queries)
    row = first + tl.arange(0, block)
    lse_ptr += (picture * tl.num_programs(1) + head) * queries
    tl.store(lse_ptr + row, top + tl.log2(total), mask=row < queries)


def raise_of(first_counts: int, head_dim: int) -> float:
    """Return what a key's score, before it is scaled, is raised by to count that many times."""
    return math.log(first_counts) * math.sqrt(head_dim)


def attend(q: Tensor, k: Tensor, v: Tensor, first_counts: int = 1) -> tuple[Tensor, Tensor]:
    """Return the attention of `q` (n, queries, heads, head_dim) to `k` and `v` (n, keys, heads, head_dim).

    The first key and value stand for `first_counts` equal ones.

    Strides are free but for the last, which is 1; head_dim is a power of two from 16 on. With it comes what
    the backward pass needs: log2 of the sum of 2^(score · log2(e)), in fp32 (n, heads, queries).
    """
    count, queries, heads, width = q.shape
    keys = k.shape[1]
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    lse = torch.empty((count, heads, queries), dtype=torch.float32, device=q.device)
    _attend[(triton.cdiv(queries, BLOCK), heads, count)](
        q, k, v, out, lse, *q.stride()[:3], *k.stride()[:3], *v.stride()[:3], *out.stride()[:3], queries,
        keys, scale_of(width), raise_of(first_counts, width), width, BLOCK, queries % BLOCK != 0,
        keys % BLOCK != 0, first_counts > 1, **OPTIONS,
    )
    return out, lse
