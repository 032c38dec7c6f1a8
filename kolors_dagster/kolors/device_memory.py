"""How much memory a device has left for this process, a limit on it, and handing back what is not in use."""

import gc

import psutil
import torch

_GIB = 2**30


def limit_memory(device: torch.device, gib: float | None) -> None:
    """Let this process allocate at most `gib` of a CUDA device's memory; None, and other devices: no limit.

    Beyond it PyTorch runs out of memory, as it would on a card of that size. CUDA's own context (about half
    a GiB) is not counted.
    """
    if gib is not None and device.type == "cuda":
        total = torch.cuda.mem_get_info(device)[1]
        torch.cuda.set_per_process_memory_fraction(min(1.0, gib * _GIB / total), _index(device))


def free_memory(device: torch.device) -> int:
    """Return the bytes that this process can still allocate on `device`, within its limit."""
    if device.type != "cuda":
        return psutil.virtual_memory().available
    free, total = torch.cuda.mem_get_info(device)
    allocated, reserved = torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)
    limit = torch.cuda.get_per_process_memory_fraction(_index(device)) * total
    return int(min(free + reserved - allocated, limit - allocated))


def release_memory(device: torch.device) -> None:
    """Hand back what was let go of: after running out, whole blocks are wanted and not the gaps between."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _index(device: torch.device) -> int:
    return torch.cuda.current_device() if device.index is None else device.index
