"""Bring a style or a story up to date: run what is needed, in order, and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import dagster as dg

from kolors_dagster.defs.freshness import AssetState, Freshness
from kolors_dagster.defs.instance import PROCESS_TAG, process_tag
from kolors_dagster.defs.partitions import pair_key
from kolors_dagster.defs.resources import chosen_model
from kolors_dagster.errors import UserError


@dataclass
class Updater:
    """Runs the jobs of `definitions` on `instance`, so that the UI shows every run.

    `announce` is told, before each run, which job it is and which assets are made and why.
    """

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    announce: Callable[[str, Sequence[AssetState]], None]
    materialized: list[str] = field(default_factory=list)

    def update_style(self, style: str) -> None:
        """Bring the base model and a style's LoRA up to date; raises UserError when a run fails."""
        self._update("prepare_base_model", None, {}, lambda fresh: fresh.of_model())
        self._update("train_style", style, {"kolors/style": style}, lambda fresh: fresh.of_style(style))

    def update_story(self, style: str, story: str) -> None:
        """Bring a story drawn in a style up to date, with all it needs; raises UserError when a run fails."""
        self.update_style(style)
        tags = {"kolors/story": story}
        self._update("write_story", story, tags, lambda fresh: fresh.of_story(story))
        self._update(
            "draw_story",
            pair_key(style, story),
            {"kolors/style": style, **tags},
            lambda fresh: fresh.of_pictures(style, story),
        )

    def _update(
        self,
        job: str,
        partition: str | None,
        tags: dict[str, str],
        look: Callable[[Freshness], list[AssetState]],
    ) -> None:
        while wave := self._next_wave(look(Freshness(self.instance, self.definitions.resolve_asset_graph()))):
            self.announce(job, wave)
            self._run(job, partition, tags, [state.key for state in wave])
            self.materialized += [state.key for state in wave]

    def _next_wave(self, states: Sequence[AssetState]) -> list[AssetState]:
        """Return the outdated assets that nothing made later can make outdated again.

        An asset waits when a parent is fresh now but may change because of something outdated above it.
        """
        graph = self.definitions.resolve_asset_graph()
        outdated = {state.key for state in states if state.status != "fresh"}
        may_change: set[str] = set()  # fresh now, with something outdated above
        wave = []
        for state in states:
            parents = {key.to_user_string() for key in graph.get(dg.AssetKey(state.key)).parent_keys}
            if parents & may_change:
                may_change.add(state.key)
            elif state.key in outdated:
                wave.append(state)
            elif parents & outdated:
                may_change.add(state.key)
        return wave

    def _run(self, job: str, partition: str | None, tags: dict[str, str], assets: Sequence[str]) -> None:
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=partition,
            asset_selection=[dg.AssetKey(asset) for asset in assets],
            run_config={"loggers": {"brief": {}}},
            tags={**tags, "kolors/base_model": chosen_model(), PROCESS_TAG: process_tag()},
            raise_on_error=False,
        )
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
