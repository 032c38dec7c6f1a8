"""How much of the model is in memory at a time: chosen from what is free, before anything is loaded."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from kolors_dagster.errors import UserError

MEMORY_PLANS = ("auto", "resident", "sequential")
_GIB = 2**30
_USABLE = 0.9  # of what is free; the rest is lost between the blocks that the allocator hands out

# What computing takes beside the weights, at full size and 1024 × 1024 pixels.
# Text: on an H100 ChatGLM3 peaked at 13.1 GiB, 11.6 of them weights.
_TEXT_WORK = 1.5 * _GIB
# Panels with guidance, as a CUDA graph: on an H100 the UNet peaked at 5.7 GiB for one and 8.9 for eight.
_FIRST_PANEL_WORK = 0.9 * _GIB
_NEXT_PANEL_WORK = 0.5 * _GIB
# Estimated: the decoder's last block has four fp32 maps of 256 channels at the picture's size in hand.
_VAE_WORK = 4.0 * _GIB
# Training one picture without gradient checkpointing, rank 16: 9.8 GiB on an H100, 4.8 of them weights; 10.8
# without the fused kernels.
_TRAINING_WORK = 6.0 * _GIB

# Beside a streamed UNet: the layer on its way, 0.05 GiB, the one that came before it, and gaps.
_SLACK = 0.5 * _GIB

_FP8_COPY = 0.3  # what fp8 takes beside the UNet's weights while it draws, as a part of them in bf16

_FULL_SIDE = 1024
_FULL_TEXT, _FULL_UNET, _FULL_VAE = 11.6 * _GIB, 4.8 * _GIB, 0.32 * _GIB


@dataclass(frozen=True)
class PartSizes:
    """Bytes that the weights of each part take in memory."""

    text_encoder: float
    unet: float
    vae: float

    @classmethod
    def of(cls, file_sizes: Mapping[str, int], itemsize: int, *, fp8: bool = False) -> "PartSizes":
        """Return them for `BaseModel.sizes`, whose files are fp16, in an arithmetic of `itemsize` bytes.

        The VAE counts as fp32, in which all but one are computed; with `fp8` the UNet has its 8-bit copy.
        """
        text, unet, vae = (
            sum(size for name, size in file_sizes.items() if name.startswith(f"{part}/")) / 2
            for part in ("text_encoder", "unet", "vae")
        )
        return cls(text * itemsize, unet * itemsize * (1 + _FP8_COPY if fp8 else 1), vae * 4)


@dataclass(frozen=True)
class MemoryPlan:
    """What to keep in memory, what to bring layer by layer, and what to compute in pieces."""

    resident: bool
    """UNet and VAE stay; else one part at a time: all latents are drawn, then all decoded."""
    batch_size: int
    """Pictures drawn at a time, to begin with."""
    stream_text_encoder: int | None
    """Bytes to keep free while ChatGLM3's linear layers come from the CPU one by one; None: it is whole."""
    stream_unet: int | None
    """The same for the UNet, while pictures are drawn."""
    vae_on_cpu: bool
    """The VAE computes on the CPU: its one step a picture can wait, the UNet's many cannot."""
    checkpoint_gradients: bool
    """Training computes each block's activations twice instead of keeping them."""

    def describe(self) -> str:
        """Return the plan in one line."""
        sparing = {
            "text encoder streamed": self.stream_text_encoder is not None,
            "UNet streamed": self.stream_unet is not None,
            "VAE on the CPU": self.vae_on_cpu,
            "gradient checkpointing in training": self.checkpoint_gradients,
        }
        parts = ["resident" if self.resident else "sequential", f"{self.batch_size} at a time"]
        return ", ".join([*parts, *(name for name, chosen in sparing.items() if chosen)])


def choose_memory_plan(
    free: float, sizes: PartSizes, side: int, batch_size: int = 8, requested: str = "auto"
) -> MemoryPlan:
    """Choose the fastest plan whose estimate fits `free` bytes, for pictures of `side` × `side` pixels.

    An estimate may be wrong, so every part of the plan can still be taken further when memory runs out.
    `resident` and `sequential` fix what becomes of UNet and VAE. Raises UserError for another request.
    """
    if requested not in MEMORY_PLANS:
        raise UserError(f"memory plan {requested!r} is not known", f"write {', '.join(MEMORY_PLANS)}")
    usable = free * _USABLE
    area = (side / _FULL_SIDE) ** 2
    unet_scale = area * _width(sizes.unet, _FULL_UNET)
    first, following = _FIRST_PANEL_WORK * unet_scale, _NEXT_PANEL_WORK * unet_scale
    vae_work = _VAE_WORK * area * _width(sizes.vae, _FULL_VAE)
    text_work = _TEXT_WORK * _width(sizes.text_encoder, _FULL_TEXT)

    # The UNet's working memory may stay reserved, as a CUDA graph's does, so the VAE comes on top of it.
    both = sizes.unet + sizes.vae
    largest = first + (batch_size - 1) * following
    resident = requested == "resident" or (requested == "auto" and both + largest + vae_work <= usable)
    text_fits = sizes.text_encoder + (sizes.vae if resident else 0) + text_work <= usable
    unet_fits = requested == "resident" or sizes.unet + first <= usable
    room = usable - (both if resident else sizes.unet)
    while batch_size > 1 and first + (batch_size - 1) * following > room:
        batch_size //= 2
    return MemoryPlan(
        resident=resident,
        batch_size=batch_size,
        stream_text_encoder=None if text_fits else int(text_work),
        stream_unet=None if unet_fits else int(first + _SLACK),
        vae_on_cpu=(both if resident else sizes.vae) + vae_work > usable,
        checkpoint_gradients=sizes.unet + _TRAINING_WORK * unet_scale > usable,
    )


def _width(size: float, full: float) -> float:
    """Return how wide a part's layers are against full size: weights grow with the square of the width."""
    return min(1.0, math.sqrt(size / full))
