"""What a person launches: pick a partition, type nothing."""

import dagster as dg

from kolors_dagster.defs.keys import MODEL_ASSETS, PICTURE_ASSETS, STORY_ASSETS, STYLE_ASSETS

prepare_base_model = dg.define_asset_job(
    "prepare_base_model", MODEL_ASSETS, description="Download and verify the base model."
)
train_style = dg.define_asset_job(
    "train_style", [*MODEL_ASSETS, *STYLE_ASSETS], description="From a style's images to its LoRA."
)
write_story = dg.define_asset_job(
    "write_story",
    STORY_ASSETS,
    description="Read a story's file into its prompts, recipe and captions.",
)
draw_story = dg.define_asset_job(
    "draw_story",
    PICTURE_ASSETS,
    description="Draw a story's eight panels in a style, and put them on a page.",
)

JOBS = [prepare_base_model, train_style, write_story, draw_story]
