"""`status`: what is fresh, stale or missing, and why: all at a glance, or one story asset by asset."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg
from rich.console import Console
from rich.table import Table

from kolors_dagster.cli.update import describe
from kolors_dagster.definitions import defs
from kolors_dagster.defs.automation.outlook import Outlook
from kolors_dagster.defs.freshness import AssetState, Freshness
from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.plan import Plan, PlannedItem, pictures_item, story_item, style_item
from kolors_dagster.defs.targets import Targets, choose_targets
from kolors_dagster.defs.update import Updater

_COLOURS = {"fresh": "green", "stale": "yellow", "missing": "red"}
_DRAFT = " [magenta](draft)[/]"


def print_status(story: str, style: str, *, as_json: bool) -> None:
    """Print the states of a story's assets, parents first; raises UserError if a file cannot be read."""
    instance = open_instance()
    fresh = Freshness(instance, defs.resolve_asset_graph())
    states = [
        *fresh.of_model(),
        *fresh.of_style(style),
        *fresh.of_story(story),
        *fresh.of_pictures(style, story),
    ]
    if as_json:
        tried = _explain_tries(instance, states)
        _print_json({"assets": [asdict(state) for state in states], "by_itself": tried})
        return
    table = _new_table("asset", "partition", "status", "why")
    for state in states:
        coloured = f"[{_COLOURS[state.status]}]{state.status}[/]{_DRAFT if state.draft else ''}"
        table.add_row(state.key, state.partition or "", coloured, "; ".join(state.causes))
    Console().print(table)
    _print_lines(_explain_tries(instance, states))


def print_overview(stories: Sequence[str], styles: Sequence[str], *, everything: bool, as_json: bool) -> bool:
    """Print how the stories and styles meant stand, as `up` means them; return whether no file is broken.

    Where nothing was drawn yet, all files are meant.
    """
    instance = open_instance()
    targets = choose_targets(instance, stories, styles, everything=everything)
    if not targets.styles and not targets.pairs:
        targets = choose_targets(instance, stories, styles, everything=True)
    plan = Updater(defs, instance, lambda item, wave: None).plan(targets)
    outdated = [state for one in plan.planned for state in one.outdated()]
    if as_json:
        _print_json({**_as_json(targets, plan), "by_itself": _explain_tries(instance, outdated)})
    else:
        _print_matrix(targets, plan)
        _print_reasons(plan)
        _print_lines(_explain_tries(instance, outdated))
    for name, error in plan.problems.items():
        print(f"error: {name}: {error}", file=sys.stderr)
    return not plan.problems


def _explain_tries(instance: dg.DagsterInstance, states: Sequence[AssetState]) -> list[str]:
    """Return what became of making these by itself, where the daemon tried and failed."""
    return Outlook(instance, defs.resolve_asset_graph()).explain(states)


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _print_matrix(targets: Targets, plan: Plan) -> None:
    """Print a row a story and a column a style, what belongs to both where they cross."""
    planned = {one.item.name: one for one in plan.planned}
    styles = targets.all_styles()
    pairs = set(targets.pairs)
    table = _new_table("", "story", *styles)

    def cell(name: str) -> str:
        if name in plan.problems:
            return "[red]broken[/]"
        if name in plan.left_out:
            return "[red]?[/]"
        return _summarise(planned.get(name)) + (_DRAFT if name in plan.drafts else "")

    table.add_row("style", "", *(cell(style_item(style).name) for style in styles))
    for story in targets.all_stories():
        drawn = (
            cell(pictures_item(style, story).name) if (style, story) in pairs else "" for style in styles
        )
        table.add_row(story, cell(story_item(story).name), *drawn)
    Console().print(table)


def _summarise(planned: PlannedItem | None) -> str:
    if planned is None:
        return "[green]fresh[/]"
    outdated = planned.outdated()
    if not outdated:
        return "[yellow]may follow[/]"
    counts = {status: sum(state.status == status for state in outdated) for status in ("stale", "missing")}
    return ", ".join(f"[{_COLOURS[status]}]{n} {status}[/]" for status, n in counts.items() if n)


def _print_reasons(plan: Plan) -> None:
    for one in plan.planned:
        for line in describe(one.outdated()):
            print(f"{one.item.name}: {line}")


def _as_json(targets: Targets, plan: Plan) -> dict[str, Any]:
    planned = {one.item.name: one for one in plan.planned}

    def states(found: Iterable[AssetState]) -> list[dict[str, Any]]:
        return [asdict(state) for state in found]

    items = []
    for item in targets.items():
        one = planned.get(item.name)
        items.append(
            {
                "item": item.name,
                "partition": item.partition,
                "draft": item.name in plan.drafts,
                "known": item.name not in plan.problems and item.name not in plan.left_out,
                "outdated": states(one.outdated() if one else ()),
                "may_follow": states(one.fresh_but_waiting() if one else ()),
            }
        )
    problems = [{"item": name, "problem": e.problem, "fix": e.fix} for name, e in plan.problems.items()]
    return {"items": items, "problems": problems}


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def _new_table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    return table
