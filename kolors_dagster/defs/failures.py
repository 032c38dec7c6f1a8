"""A person's mistake fails a run with one message, not with a stack trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from kolors_dagster.defs.process import tag_run
from kolors_dagster.errors import UserError


@contextmanager
def failing_clearly() -> Iterator[None]:
    """Turn a UserError into Dagster's Failure, which shows its message alone and is not retried."""
    tag_run(dg.OpExecutionContext.get())
    try:
        yield
    except UserError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None


def require(file: Path, asset: str, job: str) -> Path:
    """Return `file`, the output of `asset`; raises UserError if it has not been made."""
    if not file.exists():
        raise UserError(f"{asset} has not been made yet ({file} is missing)", f"launch the job `{job}` first")
    return file
