"""`up`: make up to date whatever is out of date, or say what that would be."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Any

from kolors_dagster.cli.update import announce, describe, list_keys, sum_up
from kolors_dagster.definitions import defs
from kolors_dagster.defs.freshness import AssetState
from kolors_dagster.defs.instance import open_instance
from kolors_dagster.defs.plan import Item, PlannedItem
from kolors_dagster.defs.targets import choose_targets
from kolors_dagster.defs.update import Updater
from kolors_dagster.errors import UserError


def bring_up_to_date(
    stories: Sequence[str], styles: Sequence[str], *, everything: bool, dry_run: bool, as_json: bool
) -> bool:
    """Make what is out of date, or with `dry_run` say what and why; return whether nothing was wrong.

    Raises UserError for a name that is no file's, and for a story that nothing says the style of.
    """
    start = perf_counter()
    instance = open_instance()
    updater = Updater(defs, instance, announce)
    targets = choose_targets(instance, stories, styles, everything=everything)
    if not targets.styles and not targets.pairs:
        print(
            "nothing was drawn yet; start with `kolors-dagster story`, or draw all with `up --all`",
            file=sys.stderr,
        )
    if dry_run:
        plan = updater.plan(targets)
        problems, left_out = plan.problems, plan.left_out
        runs = [_run_as_json(p.item, p.first, may_follow=p.may_follow) for p in plan.planned]
        if not as_json:
            _print_plan(plan.planned)
    else:
        updater.update(targets)
        problems, left_out = updater.problems, updater.left_out
        runs = [_run_as_json(r.item, r.assets, run_id=r.run_id, success=r.success) for r in updater.runs]
    if as_json:
        wrong = [{"item": item, "problem": e.problem, "fix": e.fix} for item, e in problems.items()]
        waiting = [{"item": item, "because_of": need} for item, need in left_out.items()]
        print(
            json.dumps({"runs": runs, "problems": wrong, "left_out": waiting}, ensure_ascii=False, indent=2)
        )
    _print_problems(problems, left_out)
    if not dry_run:
        sum_up(updater, start)
    return not problems


def _print_plan(planned: Sequence[PlannedItem]) -> None:
    for one in planned:
        print(f"{one.item.job} · {one.item.name}")
        for line in describe(one.first):
            print(f"    {line}")
        for line in describe(state for state in one.outdated() if state not in one.first):
            print(f"    then {line}")
        if follow := one.fresh_but_waiting():
            keys = list_keys(state.key for state in follow)
            print(f"    then, if what they are made from comes out different: {keys}")
    if not planned:
        print("nothing to do: everything is up to date")


def _print_problems(problems: Mapping[str, UserError], left_out: Mapping[str, str]) -> None:
    for item, error in problems.items():
        print(f"error: {item}: {error}", file=sys.stderr)
    for item, need in left_out.items():
        print(f"left out: {item}, because of {need}", file=sys.stderr)


def _run_as_json(item: Item, assets: Sequence[AssetState], **more: Any) -> dict[str, Any]:
    shown = {key: [asdict(s) for s in value] if key == "may_follow" else value for key, value in more.items()}
    return {"job": item.job, "partition": item.partition, "assets": [asdict(s) for s in assets], **shown}
