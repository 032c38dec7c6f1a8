"""What building a training cache and training a LoRA report: plain data, read without torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CacheReport:
    """What `build_training_cache` made, and what it cost."""

    data_version: str
    """Hash of the data set, the base model, the resolution, the crop and the precision."""
    dataset_version: str
    """Hash of the images' bytes, their names and captions."""
    images: int
    captions: int
    """Distinct captions; each was encoded once."""
    resolution: int
    sizes: dict[tuple[int, int], int]
    """How many images were cropped to each width and height."""
    enlarged: tuple[str, ...]
    """Images smaller than what they are cropped to: they were scaled up, which softens the LoRA."""
    reused_shards: int
    """Shards an earlier, killed run had finished."""
    size_bytes: int
    seconds: float
    images_per_second: float | None
    """Of the VAE, without its loading; None if every image was reused."""
    peak_memory_bytes: int


@dataclass(frozen=True)
class LoraEffect:
    """What a LoRA is made of, and how much it changes what the UNet predicts."""

    values: int
    not_finite: int
    """How many of the values are NaN or infinite."""
    largest: float
    """The largest magnitude among them."""
    relative_change: float
    """Norm of the prediction's change, over the norm of the prediction without the LoRA."""


@dataclass(frozen=True)
class TrainingReport:
    """What `train_lora` made, and what it cost; times and rates are of this run alone."""

    sha256: str
    """Of `lora.safetensors`."""
    steps: int
    resumed_from: int
    """Steps that came from the checkpoint of a killed run; 0: it started from nothing."""
    first_loss: float
    last_loss: float
    mean_loss: float
    trained_parameters: int
    devices: int
    """GPUs, or processes on the CPU, that trained together."""
    seconds: float
    seconds_per_step: float
    """Without the first step of this run, in which everything warms up."""
    images_per_second: float
    peak_memory_bytes: int
    """Of the first device."""
    effect: LoraEffect

    @property
    def data_version(self) -> str:
        """The LoRA's content: a training that comes out the same makes nothing out of date."""
        return self.sha256
