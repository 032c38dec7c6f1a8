"""Everything Dagster is told of."""

import dagster as dg

from kolors_dagster.defs.assets import dataset, grid, model, panels, story_specs, training
from kolors_dagster.defs.automation import automate, make_sensors
from kolors_dagster.defs.console import brief
from kolors_dagster.defs.jobs import JOBS
from kolors_dagster.defs.resources import KolorsResource

ASSETS = [
    model.base_model,
    dataset.raw_dataset,
    dataset.filtered_dataset,
    dataset.processed_dataset,
    training.training_recipe,
    training.training_cache,
    training.lora_checkpoint,
    *story_specs.PROMPTS,
    story_specs.sampling_recipe,
    story_specs.captions,
    panels.panels,
    grid.story_grid,
]


def make_definitions() -> dg.Definitions:
    """Return the project's definitions; the model is loaded once a run, so steps share one process."""
    return dg.Definitions(
        assets=automate(ASSETS),
        jobs=JOBS,
        sensors=make_sensors(ASSETS),
        resources={"kolors": KolorsResource()},
        loggers={"console": dg.colored_console_logger, "brief": brief},
        executor=dg.in_process_executor,
    )
