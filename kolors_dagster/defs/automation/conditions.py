"""When each asset is made by itself.

Dagster's own conditions go by events: they lose an edit that comes while its picture is being drawn, and all
that happened before the daemon first ran. These ask what is out of date now, as `kolors-dagster status` does.
"""

import dagster as dg
from dagster import AutomationCondition as Condition

from kolors_dagster.defs.automation.ask import (
    HAS_STOPPED,
    IS_BEING_MADE,
    MAY_BE_TRIED,
    OUT_OF_DATE,
    SCHEDULE_IS_DUE,
    SOURCE_IS_NEW,
)
from kolors_dagster.defs.checks.conditions import NO_FAILED_CHECK_ABOVE
from kolors_dagster.defs.keys import MODEL_ASSETS, PICTURE_ASSETS, STORY_ASSETS, STYLE_ASSETS
from kolors_dagster.defs.sources import STYLE_SOURCES

AssetCondition = Condition[dg.AssetKey]

_POSSIBLE = (
    ~IS_BEING_MADE
    & ~Condition.backfill_in_progress()
    & ~Condition.any_deps_in_progress()
    & ~Condition.any_deps_missing()
    & NO_FAILED_CHECK_ABOVE
).with_label("possible")

# Somebody drew it, or tried to: a pair of style and story that nobody asked for costs nothing.
_DRAWN_BEFORE = (~Condition.missing() | Condition.execution_failed()).with_label("drawn_before")

# The command line makes a style in several runs; between two of them is no time to step in.
_SETTLED = (~Condition.any_deps_match(Condition.newly_updated())).with_label("settled")

_FOLLOWS = OUT_OF_DATE & _SETTLED
# The page goes with its panels, in one run, however often it was left out because one of them failed.
_GOES_ALONG = Condition.any_deps_match(Condition.will_be_requested()).with_label("goes_along")
_SCHEDULED = (
    (SCHEDULE_IS_DUE & SOURCE_IS_NEW)
    .since(Condition.newly_updated() | HAS_STOPPED)
    .with_label("new_at_its_time")
)


def condition_of(asset: str) -> AssetCondition:
    """Return when `asset` is made by itself."""
    if asset in PICTURE_ASSETS:
        return ((OUT_OF_DATE & MAY_BE_TRIED) | _GOES_ALONG) & _DRAWN_BEFORE & _POSSIBLE
    if asset in STORY_ASSETS or asset in MODEL_ASSETS:
        return OUT_OF_DATE & MAY_BE_TRIED & _POSSIBLE
    assert asset in STYLE_ASSETS
    wanted = _SCHEDULED | _FOLLOWS if asset in STYLE_SOURCES else _FOLLOWS
    return wanted & MAY_BE_TRIED & _POSSIBLE
