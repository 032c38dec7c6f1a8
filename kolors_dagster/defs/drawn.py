"""Every story a LoRA ever went into: by the event log, and by the pictures that lie on disk."""

from typing import Any

from kolors_dagster.defs.history import History
from kolors_dagster.defs.keys import PANEL_KEYS
from kolors_dagster.defs.outputs import output_file, output_folder
from kolors_dagster.lineage.drawn import list_drawn
from kolors_dagster.story.store import PanelStore

Stories = dict[tuple[str, str], dict[str, Any]]


def list_stories(history: History, lora_sha256: str, style: str) -> list[dict[str, Any]]:
    """Return the stories with a panel drawn by a LoRA: style, story, panels, last run and time, grid's file.

    `current`: some panel that the story has now is of this LoRA; the grid is then the final one or, where
    only drafts are of this LoRA, the draft. Run and time are None where only the files know of it.
    """
    stories: Stories = {}
    _read_log(stories, history, lora_sha256, style)
    for folder, current in ((output_folder(PANEL_KEYS[0]), True), (PanelStore().root, False)):
        for drawn in list_drawn(folder):
            if drawn.lora_sha256 == lora_sha256:
                found = _story(stories, drawn.style, drawn.story)
                found["panels"].add(drawn.number)
                found["current"] |= current
                grid = output_file("story_grid", drawn.style, drawn.story, draft=drawn.draft)
                if current and grid.is_file() and (found["path"] is None or not drawn.draft):
                    found["path"] = str(grid)
    for found in stories.values():
        found["panels"] = sorted(found["panels"])
    return [stories[key] for key in sorted(stories)]


def _read_log(stories: Stories, history: History, lora_sha256: str, style: str) -> None:
    for number, asset in enumerate(PANEL_KEYS, 1):
        pairs = [pair for pair in history.partitions(asset) if pair.partition("|")[2] == style]
        for made in history.all(asset, pairs) if pairs else ():
            if made.metadata.get("lora_sha256") == lora_sha256:
                found = _story(stories, style, str(made.partition).partition("|")[0])
                found["panels"].add(number)
                if found["drawn_at"] is None or made.when > found["drawn_at"]:
                    found["run_id"], found["drawn_at"] = made.run_id, made.when


def _story(stories: Stories, style: str, story: str) -> dict[str, Any]:
    return stories.setdefault(
        (style, story),
        {
            "style": style,
            "story": story,
            "panels": set(),
            "run_id": None,
            "drawn_at": None,
            "current": False,
            "path": None,
        },
    )
