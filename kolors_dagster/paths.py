"""Where everything lies: one data root, moved by KOLORS_DATA."""

import os
from pathlib import Path

from kolors_dagster.files import join_inside

PROJECT_ROOT = Path(__file__).resolve().parent.parent
EMBEDDING_STORE = "embedding_store"  # its folder among the assets


def data_root() -> Path:
    """Return the folder of styles, stories and assets: `$KOLORS_DATA`, or `data/` of the project."""
    return Path(os.environ.get("KOLORS_DATA") or PROJECT_ROOT / "data").expanduser().resolve()


def styles_folder() -> Path:
    """Return the folder of style files."""
    return data_root() / "styles"


def stories_folder() -> Path:
    """Return the folder of story files."""
    return data_root() / "stories"


def asset_folder(asset: str, *partition: str) -> Path:
    """Return the folder an asset writes to: `assets/<asset>/<partition…>` below the data root."""
    return join_inside(data_root() / "assets", asset, *partition)
