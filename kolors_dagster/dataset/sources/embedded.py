"""Pictures drawn by the project's own code."""

from pathlib import Path

from kolors_dagster.dataset.sources.collected import Collected, Found
from kolors_dagster.mini.drawings import draw_style_images
from kolors_dagster.specs import EmbeddedSource


def collect_embedded(source: EmbeddedSource, work: Path) -> Collected:
    """Draw the style's pictures into `work`; the same seed draws the same pictures."""
    drawn = draw_style_images(source.drawing, work, source.count, source.seed)
    return Collected(tuple(Found(image.path.name, image.path, image.caption) for image in drawn))
