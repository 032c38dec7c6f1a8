"""From what was measured to what Dagster records of a check."""

import math
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import dagster as dg

from kolors_dagster.errors import UserError


def judge(
    spec: dg.AssetCheckSpec, problems: Sequence[str], numbers: Mapping[str, Any]
) -> dg.AssetCheckResult:
    """Return the result of a check: failed if there is any problem; the numbers show either way."""
    severity = dg.AssetCheckSeverity.ERROR if spec.blocking else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        passed=not problems,
        asset_key=spec.asset_key,
        check_name=spec.name,
        severity=severity,
        description=_list(problems),
        metadata={name: _storable(value) for name, value in numbers.items()},
    )


def pass_or_refuse(
    spec: dg.AssetCheckSpec, problems: Sequence[str], numbers: Mapping[str, Any], fix: str
) -> Generator[dg.AssetCheckResult, None, dg.AssetCheckResult]:
    """Return a check's passing result; one that failed is yielded, and ends the step with a UserError."""
    check = judge(spec, problems, numbers)
    if not check.passed:
        yield check
        raise UserError(f"check {spec.name}: {check.description}", fix)
    return check


def _list(problems: Sequence[str]) -> str | None:
    """Return problems as the markdown the UI shows: a list, unless there is one."""
    return (
        "\n".join(f"- {problem}" for problem in problems) if len(problems) > 1 else "".join(problems) or None
    )


def _storable(value: Any) -> Any:
    """Return `value`; NaN and infinity, which JSON does not have, as text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
