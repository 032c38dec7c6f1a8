"""The assets' names, by what they are partitioned by, parents first."""

from kolors_dagster.specs import PANELS

PROMPT_KEYS = tuple(f"prompt_{number}" for number in range(1, PANELS + 1))
PANEL_KEYS = tuple(f"panel_{number}" for number in range(1, PANELS + 1))

MODEL_ASSETS = ("base_model",)
STYLE_ASSETS = (
    "raw_dataset",
    "filtered_dataset",
    "processed_dataset",
    "training_recipe",
    "training_cache",
    "lora_checkpoint",
)
STORY_ASSETS = (*PROMPT_KEYS, "sampling_recipe", "captions")
PICTURE_ASSETS = (*PANEL_KEYS, "story_grid")
