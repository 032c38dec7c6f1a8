"""Which device and arithmetic to use, and how to make them repeat themselves."""

import os

import torch

from kolors_dagster.errors import UserError

_DTYPES = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp8": torch.float8_e4m3fn,
}
_FP8_CAPABILITY = (8, 9)


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


def count_devices(device: torch.device, requested: int | str = "auto") -> int:
    """Return how many devices to train on: the number asked for, or with `auto` every GPU of the machine.

    `auto` is one where `device` names a GPU (cuda:1), and on the CPU, where more are as many processes.
    Raises UserError if it is no such number, or more than there are.
    """
    named = device.index is not None
    there = torch.cuda.device_count() if device.type == "cuda" and not named else 1
    if requested == "auto":
        return there
    if type(requested) is not int or requested < 1:
        raise UserError(f"devices {requested!r} is not a number of devices", "write auto, 1, 2, ...")
    if requested > there and device.type != "cpu":
        what = f"device {device} is one" if named else f"PyTorch sees {there} of type {device.type}"
        raise UserError(f"{requested} devices asked for, but {what}", "choose devices: auto or fewer")
    return requested


def choose_dtype(device: torch.device, requested: str = "auto") -> torch.dtype:
    """Return the arithmetic asked for: fp32, fp16, bf16, fp8, or with `auto` fp16 on a GPU, fp32 on a CPU.

    fp16 is how Kolors' weights ship; the CPU has no fast fp16, and the small model is small in fp32 too. fp8
    is that of the UNet's large products while it draws: see `kolors.fp8_layers`; the rest is bf16 with it.
    Raises UserError for another word, and for fp8 where the device has none.
    """
    if requested == "auto":
        return torch.float32 if device.type == "cpu" else torch.float16
    if requested not in _DTYPES:
        raise UserError(f"dtype {requested!r} is not known", f"write auto, {', '.join(_DTYPES)}")
    if requested == "fp8" and not _has_fp8(device):
        raise UserError(
            f"dtype fp8 asked for, but {device} has none: GPUs of compute capability 8.9 and later have it "
            "(GeForce RTX 40 and 50, L4, L40, H100, H200, B200)",
            "write dtype: auto" if device.type == "cpu" else "write dtype: bf16",
        )
    return _DTYPES[requested]


def _has_fp8(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= _FP8_CAPABILITY


def make_repeatable() -> None:
    """Make PyTorch choose kernels that give the same bytes for the same inputs on the same machine.

    Must run before the first CUDA call of the process, for cuBLAS reads its setting once.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    # It would fill every new tensor, though nothing here reads what was not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def wait_for(device: torch.device) -> None:
    """Return when `device` has done all it was given, for a GPU works on while Python does."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
