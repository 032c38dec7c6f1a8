"""AdamW whose two averages take a byte a value each, by torchao."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchao.optim import AdamW8bit
from torchao.optim.subclass_8bit import OptimState8bit

_BLOCK = 256  # values that share a scale
_LEAST = 4096  # values of a tensor below which torchao keeps its averages in fp32
_VECTOR = 2**20  # values at which a vector is long enough
_AVERAGES = {"exp_avg": True, "exp_avg_sq": False}  # and whether their values have a sign


class EightBitAdamW(torch.optim.Optimizer):
    """torchao's AdamW8bit, on the weights strung together to vectors of about a million values.

    Every matrix of a LoRA of kolors-mini is below the size from which torchao saves anything, and a LoRA of
    Kolors is a thousand matrices, each of which would take a hundred small kernels. A vector is there only
    while its part of the step is made. The step is not compiled: that takes a compiler on the user's machine
    and longer than many a training.
    Source: Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization".
    """

    def __init__(self, weights: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(list(weights), {"lr": lr})
        self._members = _cut(self.param_groups[0]["params"])
        self._vectors = [nn.Parameter(members[0].new_empty(0)) for members in self._members]
        self._torchao = AdamW8bit(self._vectors, lr=lr)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one step; every weight must have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        group = self.param_groups[0]
        self._torchao.param_groups[0]["lr"].fill_(group["lr"])
        for vector, members in zip(self._vectors, self._members, strict=True):
            vector.data = _string_together(members)
            vector.grad = _string_together([_gradient(member) for member in members])
            with torch.compiler.set_stance("force_eager"):
                self._torchao.step()  # of this vector: the others have no gradient now
            start = 0
            for member in members:
                member.copy_(vector[start : start + member.numel()].view(member.shape))
                start += member.numel()
            vector.data, vector.grad = vector.new_empty(0), None
        return loss

    def tensors(self) -> dict[str, Tensor]:
        """Return the averages on the CPU: a byte a value, and a scale for each block of them."""
        return {
            f"optimizer/{number}/{name}/{part}": getattr(self._torchao.state[vector][name], part).cpu()
            for number, vector in enumerate(self._vectors)
            for name in _AVERAGES
            for part in ("codes", "scale")
        }

    def restore(self, tensors: Mapping[str, Tensor], step: int) -> None:
        """Go back to the averages that `tensors` returned after `step` steps."""
        for number, vector in enumerate(self._vectors):
            state: dict[str, Tensor] = {"step": torch.tensor(float(step))}
            for name, signed in _AVERAGES.items():
                codes, scale = (tensors[f"optimizer/{number}/{name}/{part}"] for part in ("codes", "scale"))
                kept = OptimState8bit.zeros(codes.shape, signed, _BLOCK, vector.device, vector.dtype)
                kept.codes.copy_(codes)
                kept.scale.copy_(scale)
                state[name] = kept
            self._torchao.state[vector] = state


def _cut(weights: list[nn.Parameter]) -> list[list[nn.Parameter]]:
    """Return the weights in order, in lists of about `_VECTOR` values."""
    lists: list[list[nn.Parameter]] = [[]]
    for weight in weights:
        if sum(member.numel() for member in lists[-1]) >= _VECTOR:
            lists.append([])
        lists[-1].append(weight)
    return lists


def _string_together(tensors: list[Any]) -> Tensor:
    """Return the values of `tensors` as one vector, with zeros up to a length that torchao keeps in bytes."""
    vector = torch.cat([tensor.detach().flatten() for tensor in tensors])
    return nn.functional.pad(vector, (0, -len(vector) % _LEAST))


def _gradient(weight: nn.Parameter) -> Tensor:
    assert weight.grad is not None
    return weight.grad
