"""A scene as a picture: the plain base style and the four styles that LoRAs learn."""

import hashlib
from random import Random

import numpy as np
from PIL import Image

from kolors_dagster.mini.drawings.compose import Layers, compose
from kolors_dagster.mini.drawings.look import Look
from kolors_dagster.mini.drawings.scene import Scene
from kolors_dagster.mini.drawings.styles import anime, cyberpunk, ink_wash, watercolour

STYLES = {"anime": anime, "ink_wash": ink_wash, "watercolour": watercolour, "cyberpunk": cyberpunk}


def render_scene(scene: Scene, size: tuple[int, int], seed: int, style: str = "base") -> Image.Image:
    """Draw `scene` at `size` (width, height) as an RGB image; the same arguments give the same pixels.

    `style` is `base` or one of `STYLES`; `seed` decides what the scene leaves open (layout, details).
    Raises KeyError for another style.
    """
    if style == "base":
        return compose_plain(scene, size, seed).colour
    module = STYLES[style]
    layers = compose(scene, size, module.LOOK, Random(f"{seed}/{scene}"))
    texture = int.from_bytes(hashlib.sha256(f"{style}/{seed}/{scene}".encode()).digest()[:8], "big")
    return module.finish(layers, np.random.default_rng(texture))


def compose_plain(scene: Scene, size: tuple[int, int], seed: int) -> Layers:
    """Draw `scene` in the base style, as `render_scene` does, and say where its head is too."""
    return compose(scene, size, Look(), Random(f"{seed}/{scene}"))
