"""Finished panels, each under the hash of its recipe, so that no picture is ever computed twice."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from kolors_dagster.errors import UserError
from kolors_dagster.files import join_inside
from kolors_dagster.paths import asset_folder
from kolors_dagster.story.provenance import read_picture, write_panel

_log = logging.getLogger(__name__)


class PanelStore:
    """A folder of panels named by `recipe_key`; safe to delete, whole or in part, at any time.

    A panel's record is that of whoever drew it first: the same picture may also be another story's or have
    another number, so write it out with your own record (`write_panel`) rather than copying the file.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = asset_folder("panel_store") if root is None else root

    def path(self, key: str) -> Path:
        """Return where the panel of this recipe lies, or would lie."""
        return join_inside(self.root, key[:2], f"{key}.png")

    def find(self, key: str) -> Path | None:
        """Return the panel's file if it is there and whole; a damaged one is logged and counts as absent."""
        path = self.path(key)
        if not path.is_file():
            return None
        try:
            _, record = read_picture(path)
        except UserError as error:
            _log.warning("%s; drawing it again", error.problem)
            return None
        if record.get("recipe_key") != key:
            _log.warning("%s: made by another recipe (%s); drawing it again", path, record.get("recipe_key"))
            return None
        return path

    def put(self, key: str, image: Image.Image, record: Mapping[str, Any]) -> Path:
        """Store a drawn panel with its `panel_record`, over whatever lay there; returns its file."""
        if record["recipe_key"] != key:
            raise ValueError(f"the record is of recipe {record['recipe_key']}, not {key}")
        return write_panel(self.path(key), image, record)
