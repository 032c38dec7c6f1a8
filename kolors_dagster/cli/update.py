"""`story` and `train`: run what is needed, and say what was done."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from time import perf_counter

from kolors_dagster.definitions import defs
from kolors_dagster.defs.freshness import AssetState
from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.outputs import GRID_FILES, name_picture, newest_picture, output_file
from kolors_dagster.defs.plan import Item
from kolors_dagster.defs.sources import read_story, read_style
from kolors_dagster.defs.update import Updater


def update_story(story: str, style: str, *, draft: bool) -> None:
    """Bring a story drawn in a style up to date and print where it lies; raises UserError."""
    read_style(style)
    read_story(story)
    start = perf_counter()
    updater = Updater(defs, open_instance(), announce)
    updater.update_story(style, story, draft=draft)
    sum_up(updater, start)
    newest = newest_picture("story_grid", style, story)
    is_draft = newest != output_file("story_grid", style, story)
    for name in GRID_FILES:
        print(newest.with_name(name_picture(name, draft=is_draft)))


def update_style(style: str) -> None:
    """Bring a style's LoRA up to date and print where it lies; raises UserError."""
    read_style(style)
    start = perf_counter()
    updater = Updater(defs, open_instance(), announce)
    updater.update_style(style)
    sum_up(updater, start)
    print(output_file("lora_checkpoint", style))


def announce(item: Item, wave: Sequence[AssetState]) -> None:
    """Say what a run is for, what it makes, and why."""
    print(f"{item.job} · {item.name}", file=sys.stderr)
    for line in describe(wave):
        print(f"    {line}", file=sys.stderr)


def describe(states: Iterable[AssetState]) -> Iterator[str]:
    """Yield a line for each group of assets that are out of date for the same reason."""
    for (status, causes), alike in groupby(states, key=lambda state: (state.status, state.causes)):
        yield f"{list_keys(state.key for state in alike)}: {status} ({'; '.join(causes)})"


def list_keys(keys: Iterable[str]) -> str:
    """Return keys as a list, a row of three or more that count up as one: `prompt_1, panel_2…8`."""
    rows: list[list[str]] = []
    for key in keys:
        name, _, number = key.rpartition("_")
        if rows and number.isdigit() and rows[-1][-1] == f"{name}_{int(number) - 1}":
            rows[-1].append(key)
        else:
            rows.append([key])
    short = (f"{row[0]}…{row[-1].rpartition('_')[2]}" if len(row) > 2 else ", ".join(row) for row in rows)
    return ", ".join(short)


def sum_up(updater: Updater, start: float) -> None:
    """Say how much was made, in how many runs, since `start` (of `perf_counter`)."""
    made, runs, seconds = len(updater.materialized), len(updater.runs), perf_counter() - start
    if runs:
        print(f"made {made} assets in {runs} runs, {seconds:.1f} s", file=sys.stderr)
    elif not updater.problems:
        print(f"nothing to do: everything is up to date ({seconds:.1f} s)", file=sys.stderr)
