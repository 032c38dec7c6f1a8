"""`status`: each asset of a story, and why it is not fresh."""

import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from kolors_dagster.definitions import defs
from kolors_dagster.defs.freshness import AssetState, Freshness
from kolors_dagster.defs.instance import open_instance

_COLOURS = {"fresh": "green", "stale": "yellow", "missing": "red"}


def print_status(story: str, style: str, *, as_json: bool) -> None:
    """Print the states of a story's assets, parents first; raises UserError if a file cannot be read."""
    fresh = Freshness(open_instance(), defs.resolve_asset_graph())
    states = [
        *fresh.of_model(),
        *fresh.of_style(style),
        *fresh.of_story(story),
        *fresh.of_pictures(style, story),
    ]
    if as_json:
        print(json.dumps({"assets": [asdict(state) for state in states]}, ensure_ascii=False, indent=2))
    else:
        _print_table(states)


def _print_table(states: list[AssetState]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("asset", "partition", "status", "why"):
        table.add_column(title, overflow="fold")
    for state in states:
        colour = _COLOURS[state.status]
        table.add_row(
            state.key, state.partition or "", f"[{colour}]{state.status}[/]", "; ".join(state.causes)
        )
    Console().print(table)
