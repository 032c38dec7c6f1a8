"""AdamW whose two averages take a byte a value each, by torchao."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchao.optim import AdamW8bit
from torchao.optim.subclass_8bit import OptimState8bit

_BLOCK = 256  # values that share a scale
_PIECE = 2**20  # values of a step's part: torchao's step takes several times their memory meanwhile
_AVERAGES = {"exp_avg": True, "exp_avg_sq": False}  # and whether their values have a sign


class EightBitAdamW(torch.optim.Optimizer):
    """torchao's AdamW8bit, on one long vector of a length that can be cut into blocks, piece by piece.

    The step is not compiled: that takes a compiler on the user's machine and longer than many a training.
    Source: Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization".
    """

    def __init__(self, values: nn.Parameter, lr: float) -> None:
        super().__init__([values], {"lr": lr})
        self._values = values
        self._pieces = [nn.Parameter(piece) for piece in torch.split(values.data, _PIECE)]
        self._torchao = AdamW8bit(self._pieces, lr=lr)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        assert self._values.grad is not None
        self._torchao.param_groups[0]["lr"].fill_(self.param_groups[0]["lr"])
        for piece, gradient in zip(self._pieces, torch.split(self._values.grad, _PIECE), strict=True):
            piece.grad = gradient
            with torch.compiler.set_stance("force_eager"):
                self._torchao.step()  # of this piece: the others have no gradient now
            piece.grad = None
        return loss

    def tensors(self) -> dict[str, Tensor]:
        """Return the averages: a byte a value, and a scale for each block of them."""
        return {
            f"optimizer/{number}/{name}/{part}": getattr(self._torchao.state[piece][name], part)
            for number, piece in enumerate(self._pieces)
            for name in _AVERAGES
            for part in ("codes", "scale")
        }

    def restore(self, tensors: Mapping[str, Tensor], step: int) -> None:
        """Go back to the averages that `tensors` returned after `step` steps."""
        for number, piece in enumerate(self._pieces):
            state: dict[str, Tensor] = {"step": torch.tensor(float(step))}
            for name, signed in _AVERAGES.items():
                codes, scale = (tensors[f"optimizer/{number}/{name}/{part}"] for part in ("codes", "scale"))
                kept = OptimState8bit.zeros(codes.shape, signed, _BLOCK, piece.device, piece.dtype)
                kept.codes.copy_(codes)
                kept.scale.copy_(scale)
                state[name] = kept
            self._torchao.state[piece] = state
