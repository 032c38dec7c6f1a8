"""What to draw and what was drawn, in plain data: nothing here needs torch."""

from dataclasses import dataclass

from PIL import Image

MAX_TOKENS = 256  # of a text; what is longer is cut


@dataclass(frozen=True)
class DrawRequest:
    """One picture to draw; `number` comes back with it. Width and height are pixels, multiples of 8."""

    number: int
    prompt: str
    negative_prompt: str
    seed: int
    width: int
    height: int
    steps: int
    guidance_scale: float
    lora_weight: float
    early_guidance_scale: float | None = None
    """That of the first steps; None: as later."""


@dataclass(frozen=True)
class DrawnPanel:
    """One picture (RGB), and what it cost."""

    number: int
    image: Image.Image
    seconds: float
    """Its share of its batch and its decoding, with the loading of the model where that came first."""
    batch_size: int
    """How many pictures were drawn together."""
    milliseconds_per_step: float
    """A denoising step of that batch."""
    images_per_second: float
    """At the pace of this batch and this decoding, without any loading."""
    peak_memory_mib: float
    """The most that the batch or the decoding took."""


@dataclass(frozen=True)
class FailedPanel:
    """One picture that could not be drawn, and why; the others of its batch are not concerned."""

    number: int
    problem: str
