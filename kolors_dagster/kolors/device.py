"""Which device and arithmetic to use, and how to make them repeat themselves."""

import gc
import os

import torch

from kolors_dagster.errors import UserError

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def choose_device(requested: str = "auto") -> torch.device:
    """Return the device asked for, or with `auto` the best there is: CUDA, then Apple's MPS, then the CPU.

    Raises UserError if the device asked for is not there.
    """
    if requested == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(requested)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cuda", "mps", "cpu"):
        raise UserError(f"device {requested!r} is not known", "write auto, cuda, cuda:1, mps or cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"device {requested!r} asked for, but PyTorch sees {torch.cuda.device_count()} CUDA devices",
            "choose device: auto or cpu, or install a PyTorch built for your GPU and its driver",
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UserError("device 'mps' asked for, but it needs an Apple GPU", "choose device: auto or cpu")
    return device


def choose_dtype(device: torch.device, requested: str = "auto") -> torch.dtype:
    """Return the arithmetic asked for (fp32, fp16, bf16), or with `auto` fp16 on a GPU and fp32 on a CPU.

    fp16 is how Kolors' weights ship; the CPU has no fast fp16, and the small model is small in fp32 too.
    """
    if requested == "auto":
        return torch.float32 if device.type == "cpu" else torch.float16
    if requested not in _DTYPES:
        raise UserError(f"dtype {requested!r} is not known", f"write auto, {', '.join(_DTYPES)}")
    return _DTYPES[requested]


def make_repeatable() -> None:
    """Make PyTorch choose kernels that give the same bytes for the same inputs on the same machine.

    Must run before the first CUDA call of the process, for cuBLAS reads its setting once.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def free_memory(device: torch.device) -> None:
    """Give back what nothing refers to any more, so that the next model finds room."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def wait_for(device: torch.device) -> None:
    """Return when `device` has done all it was given, for a GPU works on while Python does."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
