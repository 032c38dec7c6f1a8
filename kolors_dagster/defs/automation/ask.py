"""Own operands of automation conditions: what is out of date, due, being made, or has failed too often."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakKeyDictionary

import dagster as dg

from kolors_dagster.defs.automation.outlook import Outlook
from kolors_dagster.specs.schedule import is_due

Answer = Callable[[Outlook, dg.AutomationContext, str, str | None], bool]

_OUTLOOKS: WeakKeyDictionary[object, Outlook] = (
    WeakKeyDictionary()
)  # one a tick: Dagster makes a view for each


@dataclass(frozen=True)
class Ask(dg.AutomationCondition[dg.AssetKey]):
    """True of the partitions for which `answer` says so; the other fields are shown in the UI."""

    label: str
    explanation: str
    answer: Answer

    @property
    def name(self) -> str:
        """Return what the Automation page of an asset calls this question."""
        return self.label

    @property
    def description(self) -> str:
        """Return what the question means."""
        return self.explanation

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        """Ask for each partition that is still a candidate."""
        outlook, candidates = _outlook(context), context.candidate_subset
        asset = context.key.to_user_string()
        if candidates.is_partitioned:
            keys = candidates.expensively_compute_partition_keys()
            found = {key for key in keys if self.answer(outlook, context, asset, key)}
            return dg.AutomationResult(context, candidates.compute_intersection_with_partition_keys(found))
        is_true = not candidates.is_empty and self.answer(outlook, context, asset, None)
        return dg.AutomationResult(context, candidates if is_true else context.get_empty_subset())


def _outlook(context: dg.AutomationContext[dg.AssetKey]) -> Outlook:
    view = context.asset_graph_view
    if view not in _OUTLOOKS:
        _OUTLOOKS[view] = Outlook(view.instance, view.asset_graph)
    return _OUTLOOKS[view]


def _is_due(outlook: Outlook, context: dg.AutomationContext[dg.AssetKey], style: str | None) -> bool:
    schedule, previous = outlook.schedule(style or ""), context.previous_evaluation_time
    if schedule is None or previous is None:
        return False
    return is_due(schedule, _local(previous), _local(context.evaluation_time))


def _may_be_tried(
    outlook: Outlook, context: dg.AutomationContext[dg.AssetKey], asset: str, partition: str | None
) -> bool:
    tries = outlook.tries(asset, partition)
    return tries is None or tries.may_go_on(context.evaluation_time.timestamp())


def _has_stopped(outlook: Outlook, asset: str, partition: str | None) -> bool:
    tries = outlook.tries(asset, partition)
    return tries is not None and tries.is_over


def _local(moment: datetime) -> datetime:
    return moment.astimezone().replace(tzinfo=None)


OUT_OF_DATE = Ask(
    "out_of_date",
    "Something it is made from is another than when it was made, and nothing before it is out of date",
    lambda outlook, context, asset, partition: outlook.is_out_of_date(asset, partition),
)
IS_BEING_MADE = Ask(
    "is_being_made",
    "A run that has not ended makes it",
    lambda outlook, context, asset, partition: outlook.is_being_made(asset, partition),
)
SOURCE_IS_NEW = Ask(
    "source_is_new",
    "The style's images or file are others than when they were read",
    lambda outlook, context, asset, style: outlook.is_source_new(asset, style or ""),
)
SCHEDULE_IS_DUE = Ask(
    "schedule_is_due",
    "A time of the style's `retrain:` has come since the last look",
    lambda outlook, context, asset, style: _is_due(outlook, context, style),
)
MAY_BE_TRIED = Ask(
    "may_be_tried",
    "It has not failed three times with what it is made from now, and after a failure a while has passed",
    _may_be_tried,
)
HAS_STOPPED = Ask(
    "has_stopped",
    "It is not tried again with what it is made from now",
    lambda outlook, context, asset, partition: _has_stopped(outlook, asset, partition),
)
