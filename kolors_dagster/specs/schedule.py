"""When a style is trained by itself: five fields of cron, in this machine's local time."""

from datetime import datetime
from typing import Annotated

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator

from kolors_dagster.specs.base import mistake

_EXAMPLE = 'write minute, hour, day, month and weekday: "0 3 * * *" is every night at three'


def is_due(schedule: str, after: datetime, until: datetime) -> bool:
    """Say whether `schedule` names a minute later than `after` and no later than `until` (local, naive)."""
    return after < until and next_time(schedule, after) <= until


def next_time(schedule: str, after: datetime) -> datetime:
    """Return the first minute later than `after` (local, naive) that `schedule` names."""
    return next(CronSim(schedule, after.replace(microsecond=0)))


def _check_schedule(value: str) -> str:
    fields = value.split()
    if len(fields) != 5:
        raise mistake(f"{value!r} has {len(fields)} fields, a schedule has five", _EXAMPLE)
    try:
        CronSim(value, datetime(2000, 1, 1))
    except CronSimError as error:
        raise mistake(f"{value!r} is no schedule: {str(error).lower()}", _EXAMPLE) from None
    return " ".join(fields)


Schedule = Annotated[str, AfterValidator(_check_schedule)]
