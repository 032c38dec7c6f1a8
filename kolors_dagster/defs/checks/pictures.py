"""The check of each panel, before it is kept."""

from collections.abc import Mapping
from dataclasses import asdict

import dagster as dg
from PIL import Image

from kolors_dagster.defs.checks.results import judge
from kolors_dagster.defs.checks.specs import PICTURES
from kolors_dagster.errors import UserError
from kolors_dagster.kolors.request import DrawnPanel, FailedPanel
from kolors_dagster.story.inspection import find_faults, measure_picture
from kolors_dagster.story.recipe import PanelRecipe

_FIX = (
    "try another seed for it, or a smaller sampling.lora_weight; numbers that are not finite: in the "
    "Launchpad, resources.kolors.config.dtype: fp32"
)


def check_picture(key: str, image: Image.Image, width: int, height: int) -> dg.AssetCheckResult:
    """Return the result for a picture that was to be `width` × `height` pixels."""
    measures = measure_picture(image)
    return judge(PICTURES[key], find_faults(measures, width, height), asdict(measures))


def check_drawn(key: str, drawn: DrawnPanel | FailedPanel, recipe: PanelRecipe) -> dg.AssetCheckResult:
    """Return the result for what the model made of `recipe`."""
    if isinstance(drawn, FailedPanel):
        return judge(PICTURES[key], [drawn.problem], {"width": recipe.width, "height": recipe.height})
    return check_picture(key, drawn.image, recipe.width, recipe.height)


def explain_failed(failed: Mapping[str, dg.AssetCheckResult], asked: int) -> UserError:
    """Return the error that names each failed panel, its cause, and what became of the others."""
    causes = "; ".join(f"{key}: {check.description}" for key, check in failed.items())
    kept = asked - len(failed)
    others = f" (the other {kept} drawn with it are kept)" if kept else ""
    return UserError(f"{causes}{others}", f"{_FIX}; then run it again: only what failed is drawn")
