"""Kernel of attention to a text so short that a program keeps all its keys, where nothing is learnt.

`attention` fetches them anew for every block of queries, which for a text takes as long as the queries.
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
    load_rows,
    raise_first,
    raise_of,
    scale_of,
    store_rows,
)

_BLOCKS = 4  # of queries, that a program goes through: of what was tried on an H200, the best for every shape
_LENGTHS = (64, 128)  # of texts; with more keys than that the queries are no longer most of the work


@triton.jit
def _attend(
    q_ptr, k_ptr, v_ptr, out_ptr, q_picture, q_row, q_head, k_picture, k_row, k_head, v_picture, v_row,
    v_head, out_picture, out_row, out_head, queries, scale, raised, keys: tl.constexpr, width: tl.constexpr,
    block: tl.constexpr, blocks: tl.constexpr, odd_queries: tl.constexpr,
):
    head, picture = tl.program_id(1), tl.program_id(2).to(tl.int64)
    q_ptr += picture * q_picture + head * q_head
    out_ptr += picture * out_picture + head * out_head
    k = load_rows(k_ptr + picture * k_picture + head * k_head, 0, k_row, keys, keys, width, False)
    v = load_rows(v_ptr + picture * v_picture + head * v_head, 0, v_row, keys, keys, width, False)
    for number in tl.range(blocks, num_stages=2):
        first = (tl.program_id(0) * blocks + number) * block
        q = load_rows(q_ptr, first, q_row, queries, block, width, odd_queries)
        score = raise_first(tl.dot(q, tl.trans(k)), 0, raised, False) * scale
        weight = tl.exp2(score - tl.max(score, 1)[:, None])
        out = tl.dot(weight.to(v.dtype), v) / tl.sum(weight, 1)[:, None]
        store_rows(out_ptr, out, first, out_row, queries, block, width, odd_queries)


def can_attend(keys: int) -> bool:
    """Return whether `attend` takes as many keys."""
    return keys in _LENGTHS


def attend(q: Tensor, k: Tensor, v: Tensor, first_counts: int) -> Tensor:
    """Return what `attention.attend` does, of 64 or 128 keys."""
    count, queries, heads, width = q.shape
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    _attend[(triton.cdiv(queries, BLOCK * _BLOCKS), heads, count)](
        q, k, v, out, *q.stride()[:3], *k.stride()[:3], *v.stride()[:3], *out.stride()[:3], queries,
        scale_of(width), raise_of(first_counts, width), k.shape[1], width, BLOCK, _BLOCKS,
        queries % (BLOCK * _BLOCKS) != 0, num_warps=4,
    )
    return out
