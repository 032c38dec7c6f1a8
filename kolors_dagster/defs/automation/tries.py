"""Three tries: how often an automatic run failed with the same inputs, and when it is no use to go on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from kolors_dagster.hashing import hash_json

AUTOMATIC_TAG = "kolors/automatic"
CODE_TAG = ".dagster/kolors_code"  # a leading dot keeps it out of the UI
TRY_TAG = "kolors/try"
PARTITION_TAG = "dagster/partition"
MAX_TRIES = 3
WAITS = (60.0, 300.0)  # seconds after the first and the second failure
_RUNS = 500


@dataclass(frozen=True)
class Tries:
    """The failed tries of one asset with its present inputs; `last_end` is when the last one ended."""

    failed: int
    last_end: float
    run_id: str
    cancelled: bool
    message: str
    is_mistake: bool  # of a person: trying again cannot help

    @property
    def is_over(self) -> bool:
        """Say whether it is not tried again until something changes."""
        return self.cancelled or self.is_mistake or self.failed >= MAX_TRIES

    def may_go_on(self, now: float) -> bool:
        """Say whether it is time for the next try."""
        return not self.is_over and now >= self.last_end + WAITS[self.failed - 1]

    def summarize(self) -> str:
        """Return which try it was, as a run's tag."""
        return f"{self.failed} of {MAX_TRIES}" + (", stopped" if self.is_over else "")

    def explain(self) -> str:
        """Return, for a person, what happened and what to do."""
        problem, _, fix = self.message.partition("\n  fix: ")
        what = "was cancelled" if self.cancelled else f"failed: {problem}"
        if not self.is_over:
            return (
                f"try {self.failed} of {MAX_TRIES} by itself {what} (run {self.run_id[:8]}); tried again soon"
            )
        times = f" after {self.failed} tries" if self.failed > 1 else ""
        return (
            f"not tried again by itself{times}; the last {what} (run {self.run_id[:8]})"
            f" — fix: {fix or 'look at the run in `make ui`'}; then `kolors-dagster up`, or edit its file"
        )


def run_tags(code_versions: Mapping[str, str | None]) -> dict[str, str]:
    """Return the tags of runs that are started by itself.

    One of them names the code of all assets: a failure of other code says nothing about this one.
    """
    return {AUTOMATIC_TAG: "yes", CODE_TAG: hash_json(dict(code_versions))[:16]}


def makes(run: dg.DagsterRun, asset: str, partition: str | None) -> bool:
    """Say whether `run` is to make `asset`; one that selects no assets makes all of its partition."""
    selected = run.asset_selection
    return run.tags.get(PARTITION_TAG) == partition and (selected is None or dg.AssetKey(asset) in selected)


class FailedRuns:
    """The automatic runs that failed or were cancelled, with the code as it is now."""

    def __init__(self, instance: dg.DagsterInstance, code_versions: Mapping[str, str | None]) -> None:
        self._instance = instance
        ended = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
        wanted = dg.RunsFilter(statuses=ended, tags=run_tags(code_versions))
        self._records = instance.get_run_records(wanted, limit=_RUNS)

    def find(self, asset: str, partition: str | None) -> list[dg.RunRecord]:
        """Return the runs that should have made `asset`, latest first."""
        return [record for record in self._records if makes(record.dagster_run, asset, partition)]

    def describe(self, runs: Sequence[dg.RunRecord]) -> Tries:
        """Return the tries that `runs`, latest first and at least one, are."""
        last = runs[0]
        message, is_mistake = self._find_message(last.dagster_run.run_id)
        return Tries(
            failed=len(runs),
            last_end=last.end_time or last.update_timestamp.timestamp(),
            run_id=last.dagster_run.run_id,
            cancelled=last.dagster_run.status == dg.DagsterRunStatus.CANCELED,
            message=message,
            is_mistake=is_mistake,
        )

    def _find_message(self, run_id: str) -> tuple[str, bool]:
        found = self._instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
        for record in found:
            event = record.event_log_entry.dagster_event
            failure = event.step_failure_data if event else None
            if failure and failure.user_failure_data and failure.user_failure_data.description:
                return failure.user_failure_data.description, True
            if failure and failure.error:
                return (failure.error.cause or failure.error).message.strip(), False
        return "its process ended", False
