"""Bring styles and stories up to date: run what is needed, in order, and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import dagster as dg

from kolors_dagster.defs.freshness import AssetState, Freshness
from kolors_dagster.defs.plan import Item, Plan, find_blocked, make_plan, split_wave
from kolors_dagster.defs.process import PROCESS_TAG, process_tag
from kolors_dagster.defs.resources import chosen_model, model_kept
from kolors_dagster.defs.targets import Targets
from kolors_dagster.errors import UserError


@dataclass(frozen=True)
class Run:
    """One run of an item's job: what was out of date, and why."""

    run_id: str
    item: Item
    assets: tuple[AssetState, ...]
    success: bool


@dataclass
class Updater:
    """Runs the jobs of `definitions` on `instance`, so that the UI shows every run.

    `announce` is told, before each run, what it is for and which assets are made and why. `problems` is what
    went wrong, by item, and `left_out` the items that were not tried, with the one they needed.
    """

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    announce: Callable[[Item, Sequence[AssetState]], None]
    runs: list[Run] = field(default_factory=list)
    problems: dict[str, UserError] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def materialized(self) -> list[str]:
        """Return the assets made, in order."""
        return [state.key for run in self.runs if run.success for state in run.assets]

    def plan(self, targets: Targets) -> Plan:
        """Return what `update` would do; touches nothing."""
        return make_plan(targets.items(), self._look_at(targets), self.definitions.resolve_asset_graph())

    def update(self, targets: Targets) -> None:
        """Bring `targets` up to date; what cannot be, is noted in `problems` and does not stop the others."""
        fresh, runs = self._look_at(targets), len(self.runs)
        with model_kept():
            for _, items in groupby(targets.items(), key=lambda item: item.job):
                if len(self.runs) > runs:  # what was made since may have made these outdated
                    fresh, runs = self._look_at(targets), len(self.runs)
                for item in items:
                    self._attempt(item, fresh)

    def update_style(self, style: str) -> None:
        """Bring the base model and a style's LoRA up to date; raises UserError when that fails."""
        self._update_or_raise(Targets([style], []))

    def update_story(self, style: str, story: str, *, draft: bool = False) -> None:
        """Bring a story drawn in a style up to date, with all it needs; raises UserError when that fails.

        It is drawn as a `draft`, or in full even if it was drawn so before, unless its file says `draft`.
        """
        self._update_or_raise(Targets([style], [(style, story)], draft))

    def _update_or_raise(self, targets: Targets) -> None:
        self.update(targets)
        for problem in self.problems.values():
            raise problem

    def _look_at(self, targets: Targets) -> Freshness:
        fresh = self._look()
        fresh.read_ahead(targets.styles, targets.pairs)
        return fresh

    def _look(self) -> Freshness:
        return Freshness(self.instance, self.definitions.resolve_asset_graph())

    def _attempt(self, item: Item, fresh: Freshness) -> None:
        blocked = find_blocked(item, {*self.problems, *self.left_out})
        if blocked is not None:
            self.left_out[item.name] = blocked
            return
        try:
            if self._next_wave(item, fresh):
                self._make(item)
        except UserError as error:
            self.problems[item.name] = error

    def _make(self, item: Item) -> None:
        """Run one wave after the other; each time what is there now counts, for others may be at work too."""
        previous: list[AssetState] = []
        while wave := self._next_wave(item, self._look()):
            if wave == previous:
                again = f"{wave[0].key} of {item.name} is out of date again, now that it is made"
                raise UserError(
                    f"{again}: {wave[0].causes[0]}", "if its files changed meanwhile, run it again"
                )
            self.announce(item, wave)
            self._run(item, wave)
            previous = wave

    def _next_wave(self, item: Item, fresh: Freshness) -> list[AssetState]:
        return split_wave(item.look(fresh), self.definitions.resolve_asset_graph())[0]

    def _run(self, item: Item, wave: Sequence[AssetState]) -> None:
        result = self.definitions.resolve_job_def(item.job).execute_in_process(
            instance=self.instance,
            partition_key=item.partition,
            asset_selection=[dg.AssetKey(state.key) for state in wave],
            run_config={"loggers": {"brief": {}}, "ops": item.configure(wave)},
            tags={**item.tags, "kolors/base_model": chosen_model(), PROCESS_TAG: process_tag()},
            raise_on_error=False,
        )
        self.runs.append(Run(result.run_id, item, tuple(wave), result.success))
        if any("Interrupted" in name for name in _names_of_errors(result)):
            raise KeyboardInterrupt
        if not result.success:
            problem, _, fix = _explain_failure(result).partition("\n  fix: ")
            raise UserError(problem, f"{fix or 'see the log'}\n  log: run {result.run_id} in `make ui`")


def _names_of_errors(result: dg.ExecuteInProcessResult) -> list[str]:
    errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    return [error.cls_name or "" for error in errors if error is not None]


def _explain_failure(result: dg.ExecuteInProcessResult) -> str:
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    for failure in failures:
        if failure.user_failure_data is not None and failure.user_failure_data.description:
            return failure.user_failure_data.description
        if failure.error is not None:
            cause = failure.error.cause or failure.error
            return cause.message.strip()
    return f"run {result.run_id} failed"
