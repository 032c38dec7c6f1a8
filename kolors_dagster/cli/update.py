"""`story` and `train`: run what is needed, and say what was done."""

import sys
from collections.abc import Sequence
from itertools import groupby
from time import perf_counter

from kolors_dagster.definitions import defs
from kolors_dagster.defs.freshness import AssetState
from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.outputs import output_file, output_folder
from kolors_dagster.defs.sources import read_story, read_style
from kolors_dagster.defs.update import Updater


def update_story(story: str, style: str) -> None:
    """Bring a story drawn in a style up to date and print where it lies; raises UserError."""
    read_style(style)
    read_story(story)
    start = perf_counter()
    updater = Updater(defs, open_instance(), _announce)
    updater.update_story(style, story)
    _sum_up(updater, start)
    folder = output_folder("story_grid", style, story)
    for name in ("all.png", "all.jpg", "story.png"):
        print(folder / name)


def update_style(style: str) -> None:
    """Bring a style's LoRA up to date and print where it lies; raises UserError."""
    read_style(style)
    start = perf_counter()
    updater = Updater(defs, open_instance(), _announce)
    updater.update_style(style)
    _sum_up(updater, start)
    print(output_file("lora_checkpoint", style))


def _announce(job: str, wave: Sequence[AssetState]) -> None:
    print(f"{job} · {wave[0].partition or 'base model'}", file=sys.stderr)
    for (status, causes), states in groupby(wave, key=lambda state: (state.status, state.causes)):
        keys = ", ".join(state.key for state in states)
        print(f"    {keys}: {status} ({'; '.join(causes)})", file=sys.stderr)


def _sum_up(updater: Updater, start: float) -> None:
    made, seconds = len(updater.materialized), perf_counter() - start
    if made:
        print(f"made {made} assets in {seconds:.1f} s", file=sys.stderr)
    else:
        print(f"nothing to do: everything is up to date ({seconds:.1f} s)", file=sys.stderr)
