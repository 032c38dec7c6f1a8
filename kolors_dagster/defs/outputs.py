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
}

GRID_FILES = ("all.png", "all.jpg", "story.png")


def output_folder(asset: str, *partition: str) -> Path:
    """Return the folder of an asset's output; the eight panels of a story share one."""
    return asset_folder(folder_name(asset), *partition)


def output_file(asset: str, *partition: str, draft: bool = False) -> Path:
    """Return the main file of an asset's output; of a panel or grid, its draft's or its final one."""
    return output_folder(asset, *partition) / main_file(asset, draft=draft)


def newest_picture(asset: str, style: str, story: str) -> Path:
    """Return the main file of a panel or grid as it was made last.

    That is its draft while there is one: making a draft leaves the final picture alone, making the final
    picture takes its draft away.
    """
    draft = output_file(asset, style, story, draft=True)
    return draft if draft.is_file() else output_file(asset, style, story)


def remove_drafts(*finals: Path) -> None:
    """Delete the drafts of pictures that are now there in full."""
    for path in finals:
        path.with_name(name_picture(path.name, draft=True)).unlink(missing_ok=True)


def name_picture(name: str, *, draft: bool) -> str:
    """Return the name of a picture's file, by the final one's: `all.png`, of a draft `all.draft.png`."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}.draft{dot}{suffix}" if draft else name


def folder_name(asset: str) -> str:
    """Return the name of the folder that holds the outputs of `asset`, of all partitions."""
    return "panels" if asset.startswith("panel_") else asset


def main_file(asset: str, *, draft: bool = False) -> str:
    """Return the path of the main file below the folder of an asset's output."""
    if asset.startswith("panel_"):
        return name_picture(f"{asset.removeprefix('panel_')}.png", draft=draft)
    if asset == "story_grid":
        return name_picture("all.png", draft=draft)
    return "prompt.json" if asset.startswith("prompt_") else _MAIN_FILE[asset]
