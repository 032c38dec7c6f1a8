"""Small made-up panels and recipes for the tests of this folder."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from kolors_dagster.story.provenance import panel_record, write_panel
from kolors_dagster.story.recipe import PanelRecipe

RECIPE = PanelRecipe(
    number=1,
    prompt="二次元，一个紫色头发的女孩: 托腮, 坐着",
    negative_prompt="模糊, text",
    seed=2**40 + 7,
    width=64,
    height=48,
    steps=20,
    guidance_scale=4.5,
    lora_weight=0.8,
    lora_name="anime",
    lora_sha256="c0ffee0123456789" * 4,
    base_model="kolors-mini",
    base_model_version="abcdef0123456789" * 4,
    device="cpu",
    dtype="float32",
    code_version="3",
)
# Eight colours that stay apart under JPEG, in reading order.
COLOURS = [
    (200, 30, 30),
    (30, 160, 30),
    (30, 30, 200),
    (200, 180, 20),
    (160, 30, 160),
    (20, 160, 160),
    (90, 60, 30),
    (40, 40, 40),
]


def make_noise(seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def write_panels(folder: Path, size: tuple[int, int] = (64, 64)) -> list[Path]:
    """Write eight panels, each of one of COLOURS, with their records."""
    return [
        write_panel(
            folder / f"{number}.png",
            Image.new("RGB", size, colour),
            panel_record(replace(RECIPE, number=number, seed=number), {"story": "s"}),
        )
        for number, colour in enumerate(COLOURS, 1)
    ]
