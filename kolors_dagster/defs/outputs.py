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
    return asset_folder(folder_name(asset), *partition)


def output_file(asset: str, *partition: str) -> Path:
    """Return the main file of an asset's output."""
    return output_folder(asset, *partition) / main_file(asset)


def folder_name(asset: str) -> str:
    """Return the name of the folder that holds the outputs of `asset`, of all partitions."""
    return "panels" if asset.startswith("panel_") else asset


def main_file(asset: str) -> str:
    """Return the path of the main file below the folder of an asset's output."""
    if asset.startswith("panel_"):
        return f"{asset.removeprefix('panel_')}.png"
    return "prompt.json" if asset.startswith("prompt_") else _MAIN_FILE[asset]
