"""What the command line shows of a run: a line for each asset made, and warnings."""

import logging
import sys

import dagster as dg
from dagster import DagsterEventType

_SHOWN = ("kept", "rejected", "images", "steps", "last_loss", "from_store", "seconds")


class _BriefHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        line = _describe(record)
        if line:
            print(line, file=sys.stderr, flush=True)


def _describe(record: logging.LogRecord) -> str | None:
    event: dg.DagsterEvent | None = getattr(record, "dagster_event", None)
    if "blocked by limit for pool" in record.getMessage():
        return "  … waiting: another run is using the GPU"
    if event is None:
        message = getattr(record, "dagster_meta", {}).get("orig_message") or record.getMessage()
        told_otherwise = message.startswith("Dependencies for step")  # by the failure of what it depends on
        return f"    ! {message}" if record.levelno >= logging.WARNING and not told_otherwise else None
    if event.event_type == DagsterEventType.ASSET_MATERIALIZATION:
        found = event.step_materialization_data.materialization
        shown = [f"{name} {found.metadata[name].value}" for name in _SHOWN if name in found.metadata]
        return f"  ✓ {found.asset_key.to_user_string()}" + (f"  ({', '.join(shown)})" if shown else "")
    if event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
        return _describe_check(event.asset_check_evaluation_data)
    return None


def _describe_check(check: dg.AssetCheckEvaluation) -> str | None:
    """Return a failed check's warnings; what fails a run is said once, by the run's own error."""
    if check.passed or check.severity != dg.AssetCheckSeverity.WARN:
        return None
    lines = (check.description or check.check_name).splitlines()
    return "\n".join(f"    ! {check.asset_key.to_user_string()}: {line.removeprefix('- ')}" for line in lines)


@dg.logger(config_schema={}, description="One short line for each asset.")
def brief(init_context: dg.InitLoggerContext) -> logging.Logger:
    """Log a run for a person at a terminal; the event log keeps all of it."""
    logger = logging.Logger("kolors_dagster.brief", logging.DEBUG)  # Dagster's events are at that level
    logger.addHandler(_BriefHandler())
    return logger
