"""The embedded image sets: pictures of one style in varied sizes, some of which filters should drop."""

import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import track

from kolors_dagster.errors import UserError
from kolors_dagster.files import write_whole_file
from kolors_dagster.mini.drawings.caption import write_full_caption
from kolors_dagster.mini.drawings.render import STYLES, render_scene
from kolors_dagster.mini.drawings.scene import ATTRIBUTES, Scene, is_held_out, sample_scene

# Width by height; most have 1024 pixels or more on both sides and an aspect between 0.5 and 2.
USUAL = (
    (1024, 1024),
    (1024, 1024),
    (1024, 1152),
    (1152, 1024),
    (1024, 1280),
    (1280, 1024),
    (1024, 1366),
    (1366, 1024),
)
SMALL = ((512, 512), (640, 640), (768, 576), (768, 1024), (1280, 720), (900, 900), (576, 1024))
LONG = ((2200, 1024), (1024, 2160))


@dataclass(frozen=True)
class DrawnImage:
    """A picture on disk and what it shows, in Chinese, without a style's trigger words."""

    path: Path
    caption: str


def choose_size(index: int, rng: Random) -> tuple[int, int]:
    """Return the size of image `index`: one in eight is too small, one in ten too long, for filters."""
    if index % 8 == 5:
        return rng.choice(SMALL)
    if index % 10 == 6:
        return rng.choice(LONG)
    return rng.choice(USUAL)


def is_due(scene: Scene, index: int) -> bool:
    """Return whether image `index` may show `scene`: places take turns, and nights in each.

    By lot alone a small set misses several places, and a LoRA of it leaves those in the plain style.
    """
    places = ATTRIBUTES["place"]
    at_night = index % 3 == 1 or scene.place in ("concert", "stage")  # 13 places: each meets every third
    return scene.place == places[index % len(places)] and (scene.time == "night") == at_night


def draw_style_images(drawing: str, output: Path, count: int, seed: int) -> list[DrawnImage]:
    """Draw `count` pictures of a style into the folder `output` as JPEG files.

    `drawing` is one of anime, ink_wash, watercolour, cyberpunk. Image i depends on (drawing, seed, i) alone.
    Raises UserError for an unknown drawing.
    """
    if drawing not in STYLES:
        raise UserError(f"there is no drawing style {drawing!r}", f"use one of {', '.join(STYLES)}")
    output.mkdir(parents=True, exist_ok=True)
    console = Console(file=sys.stderr)
    numbers = track(range(count), f"Drawing {drawing}", console=console, disable=count < 8)
    return [_draw_one(drawing, output, seed, index) for index in numbers]


def _draw_one(drawing: str, output: Path, seed: int, index: int) -> DrawnImage:
    rng = Random(f"{drawing}/{seed}/{index}")
    size = choose_size(index, rng)
    scene = sample_scene(rng)
    while is_held_out(scene) or not is_due(scene, index):
        scene = sample_scene(rng)
    caption = write_full_caption(scene, rng)
    path = output / f"{drawing}-{index:04d}.jpg"
    picture = render_scene(scene, size, rng.randrange(2**32), drawing)
    with write_whole_file(path) as aside:
        picture.save(aside, quality=92, subsampling=0)
    return DrawnImage(path, caption)
