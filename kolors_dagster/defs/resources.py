"""The GPU resource: which model, where it computes, and how much of it is in memory at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, PrivateAttr

from kolors_dagster.defs.failures import require
from kolors_dagster.defs.outputs import output_file
from kolors_dagster.files import read_json
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.paths import data_root

if TYPE_CHECKING:
    import torch

    from kolors_dagster.kolors.bundle import KolorsBundle

GPU_POOL = "gpu"


def chosen_model() -> str:
    """Return the base model to use: `$KOLORS_MODEL`, or the one that ships with the project."""
    return os.environ.get("KOLORS_MODEL") or "kolors-mini"


@dataclass
class _Kept:
    """The pipeline between two runs, and what it was made of."""

    asked_for: bool = False
    made_of: tuple[Any, ...] = ()
    bundle: "KolorsBundle | None" = None


_kept = _Kept()


@contextmanager
def model_kept() -> Iterator[None]:
    """Keep the loaded pipeline from one run of this process to the next, as long as the block lasts.

    On a CPU only: between two runs the GPU is anyone's, so no model may stay on it.
    """
    _kept.asked_for = True
    try:
        yield
    finally:
        _kept.asked_for, _kept.bundle = False, None


class KolorsResource(dg.ConfigurableResource):
    """Hands out the Kolors pipeline; it is loaded once a run, when first asked for."""

    model: str = Field(
        default_factory=chosen_model,
        description="kolors-mini, kolors, or a folder in either layout of Kolors.",
    )
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1, mps.")
    devices: Any = Field(  # Dagster has no type for a word or a number
        default="auto",
        description="On how many GPUs to train: auto (all, or the one that `device` names), or a number.",
    )
    dtype: str = Field(
        default="auto",
        description="auto, fp32, fp16, bf16 or fp8; auto: fp32 on a CPU, fp16 on a GPU. fp8 is for drawing: "
        "faster and less exact, on a GPU of compute capability 8.9 or later.",
    )
    batch_size: int = Field(default=8, ge=1, le=8, description="Panels drawn at a time.")
    memory_plan: str = Field(
        default="auto", description="resident, sequential (one part in memory at a time), or auto."
    )
    memory_gib: float | None = Field(
        default=None,
        gt=0,
        description="Use at most this much of a CUDA GPU's memory, in GiB; empty: all that is free.",
    )

    _bundle: "KolorsBundle | None" = PrivateAttr(default=None)

    def base_model(self) -> BaseModel:
        """Return the base model as its asset recorded it; raises UserError if it has not been made."""
        file = require(output_file("base_model"), "base_model", "prepare_base_model")
        return BaseModel.from_json(read_json(file), data_root())

    def torch_device(self) -> "torch.device":
        """Return the device to compute on."""
        from kolors_dagster.kolors.device import choose_device

        return choose_device(self.device)

    def device_count(self) -> int:
        """Return how many devices to train on."""
        from kolors_dagster.kolors.device import count_devices

        return count_devices(self.torch_device(), self.devices)

    def dtype_name(self) -> str:
        """Return the arithmetic that panels are drawn in, as a recipe names it."""
        from kolors_dagster.kolors.device import choose_dtype

        return str(choose_dtype(self.torch_device(), self.dtype)).removeprefix("torch.")

    def bundle(self) -> "KolorsBundle":
        """Return the loaded pipeline of the recorded base model."""
        from kolors_dagster.kolors.bundle import KolorsBundle

        if self._bundle is None:
            parts = (
                self.base_model(),
                self.device,
                self.dtype,
                self.batch_size,
                self.memory_plan,
                self.memory_gib,
            )
            if _kept.bundle is None or _kept.made_of != parts:
                _kept.bundle, _kept.made_of = KolorsBundle(*parts), parts
            self._bundle = _kept.bundle
        return self._bundle

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Let go of the model's memory at the end of the run, unless `model_kept` is in force."""
        self._bundle = None
        if not _kept.asked_for or (_kept.bundle is not None and _kept.bundle.device.type != "cpu"):
            _kept.bundle = None
