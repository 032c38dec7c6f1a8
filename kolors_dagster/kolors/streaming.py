"""A model larger than the GPU: its linear layers wait in the CPU's memory and come over one at a time."""

from typing import Any

import torch
from torch import nn

from kolors_dagster.kolors.device_memory import free_memory, release_memory

_GIB = 2**30
_CPU = torch.device("cpu")


def stream_linear_layers(
    model: nn.Module, device: torch.device, dtype: torch.dtype, *, keep_free: int | None = None
) -> bool:
    """Compute `model` on `device` in `dtype` with the weights of its linear layers on the CPU.

    Linear layers are nine tenths of ChatGLM3 and of the UNet; everything else goes to the device. With
    `keep_free`, on CUDA, layers that have come over stay as long as that many bytes of the device remain
    free. The numbers are those of the whole model on the device. May be called again without `keep_free`,
    also of a model that is on the device: return whether that made any layer leave it.
    Source: DiffSynth's VRAM management.
    """
    layers = _wrapped_layers(model)
    if layers:
        staying = [layer for layer in layers if layer.state != 0]
        for layer in staying:
            layer.offload()
        release_memory(device)
        return bool(staying)
    from kolors_dagster.kolors.diffsynth_streaming import AutoWrappedLinear, enable_vram_management

    kept = {"dtype": _dtype_of_linear_layers(model, dtype), "device": str(_CPU)}
    used = {"dtype": dtype, "device": str(device)}
    states = {"offload": kept, "onload": kept, "preparing": used, "computation": used}
    config = {f"{state}_{key}": value for state, place in states.items() for key, value in place.items()}
    enable_vram_management(model, {nn.Linear: AutoWrappedLinear}, config)
    layers = _wrapped_layers(model)
    for layer in layers:
        layer.onload()
        layer.offload()  # its first state, in which nothing stays on the device
    for module in model.modules():
        if not isinstance(module, AutoWrappedLinear) and not any(module.children()):
            module.to(device, dtype)
    release_memory(device)
    if keep_free is not None and device.type == "cuda":
        room = free_memory(device) - keep_free
        free, total = torch.cuda.mem_get_info(device)
        for layer in layers if room > 0 else ():
            layer.vram_limit = (total - free + room) / _GIB  # DiffSynth compares the device's used memory
            layer.onload()
    return bool(layers)


def is_streamed(model: nn.Module) -> bool:
    """Return whether layers of `model` come over one at a time, which no CUDA graph can record."""
    return bool(_wrapped_layers(model))


def _wrapped_layers(model: nn.Module) -> list[Any]:
    if not getattr(
        model, "vram_management_enabled", False
    ):  # DiffSynth's own mark, read without importing it
        return []
    from kolors_dagster.kolors.diffsynth_streaming import AutoWrappedLinear

    return [module for module in model.modules() if isinstance(module, AutoWrappedLinear)]


def _dtype_of_linear_layers(model: nn.Module, default: torch.dtype) -> torch.dtype:
    """Return the dtype they are in, so that a file's weights stay mapped from disk and are not converted."""
    return next((part.weight.dtype for part in model.modules() if isinstance(part, nn.Linear)), default)
