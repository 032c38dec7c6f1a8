"""What a person launches: pick a partition, type nothing."""

import dagster as dg

from kolors_dagster.specs import PANELS

PROMPT_KEYS = [f"prompt_{number}" for number in range(1, PANELS + 1)]
PANEL_KEYS = [f"panel_{number}" for number in range(1, PANELS + 1)]

prepare_base_model = dg.define_asset_job(
    "prepare_base_model", ["base_model"], description="Download and verify the base model."
)
train_style = dg.define_asset_job(
    "train_style",
    [
        "base_model",
        "raw_dataset",
        "filtered_dataset",
        "processed_dataset",
        "training_recipe",
        "training_cache",
        "lora_checkpoint",
    ],
    description="From a style's images to its LoRA.",
)
write_story = dg.define_asset_job(
    "write_story",
    [*PROMPT_KEYS, "sampling_recipe", "captions"],
    description="Read a story's file into its prompts, recipe and captions.",
)
draw_story = dg.define_asset_job(
    "draw_story",
    [*PANEL_KEYS, "story_grid"],
    description="Draw a story's eight panels in a style, and put them on a page.",
)

JOBS = [prepare_base_model, train_style, write_story, draw_story]
