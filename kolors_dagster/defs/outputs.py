"""Where each asset's output lies; nothing else says so."""

from pathlib import Path

from kolors_dagster.paths import asset_folder

# The file that shows that an asset's output is there, below its folder.
_MAIN_FILE = {
    "base_model": "base_model.json",
    "raw_dataset": "metadata.jsonl",
    "filtered_dataset": "result.jsonl",
    "processed_dataset": "train/metadata.csv",
    "training_recipe": "recipe.json",
    "training_cache": "index.json",
    "lora_checkpoint": "lora.safetensors",
    "sampling_recipe": "recipe.json",
    "captions": "captions.json",
    "story_grid": "all.png",
}


def output_folder(asset: str, *partition: str) -> Path:
    """Return the folder of an asset's output; the eight panels of a story share one."""
    return asset_folder("panels" if asset.startswith("panel_") else asset, *partition)


def output_file(asset: str, *partition: str) -> Path:
    """Return the main file of an asset's output."""
    if asset.startswith("panel_"):
        return output_folder(asset, *partition) / f"{asset.removeprefix('panel_')}.png"
    if asset.startswith("prompt_"):
        return output_folder(asset, *partition) / "prompt.json"
    return output_folder(asset, *partition) / _MAIN_FILE[asset]
