"""The arithmetic of the frozen model while a LoRA is trained on it; the LoRA itself is always fp32."""

import torch

from kolors_dagster.kolors.device import choose_dtype

# fp16 gradients below 6e-8 vanish; a power of two shifts them up and is divided out again without rounding.
_FP16_LOSS_SCALE = 1024.0


def choose_training_dtype(device: torch.device, precision: str) -> torch.dtype:
    """Return the recipe's precision; `auto` is bf16 on a GPU that computes in it, for it cannot overflow."""
    if (
        precision == "auto"
        and device.type == "cuda"
        and torch.cuda.is_bf16_supported(including_emulation=False)
    ):
        return torch.bfloat16
    return choose_dtype(device, precision)


def choose_loss_scale(dtype: torch.dtype) -> float:
    """Return what the loss is multiplied by, and the gradients divided by."""
    return _FP16_LOSS_SCALE if dtype == torch.float16 else 1.0
