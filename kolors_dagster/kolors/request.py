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


@dataclass(frozen=True)
class DrawnPanel:
    """One picture (RGB), the seconds it took, and the peak memory of the batch it was drawn in."""

    number: int
    image: Image.Image
    seconds: float
    peak_memory_mib: float


@dataclass(frozen=True)
class FailedPanel:
    """One picture that could not be drawn, and why; the others of its batch are not concerned."""

    number: int
    problem: str
