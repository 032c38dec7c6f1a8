"""From what was measured to what Dagster records of a check."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg


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
        description="\n".join(problems) or None,
        metadata={name: _storable(value) for name, value in numbers.items()},
    )


def _storable(value: Any) -> Any:
    """Return `value`; NaN and infinity, which JSON does not have, as text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
