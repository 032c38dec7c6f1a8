"""Pictures from a data set on ModelScope."""

import json
import os
from pathlib import Path
from typing import Any

from kolors_dagster.dataset.reports import Rejection
from kolors_dagster.dataset.sources.collected import Collected, Found
from kolors_dagster.dataset.watchdog import Silence, run_watched
from kolors_dagster.errors import UserError
from kolors_dagster.specs import ModelScopeSource

# A download that moves no byte for so many seconds is given up; the client itself would wait 20 minutes.
TIMEOUT_VARIABLE = "KOLORS_HUB_TIMEOUT"
TIMEOUT_SECONDS = 60.0
_CLIENT = "kolors_dagster.dataset.sources.hub_client"


def collect_hub(source: ModelScopeSource, work: Path) -> Collected:
    """Read a data set with `MsDataset.load` and put its pictures, bytes as they are, into `work`.

    The client runs in a process of its own, for it has no timeout one can set. What it downloaded whole stays
    in ModelScope's own cache, shared with every other program, so the next attempt goes on from there. The
    token comes from MODELSCOPE_API_TOKEN alone, which the client reads itself. Raises UserError.
    """
    result, request = work / "result.json", {**source.model_dump(), "folder": str(work)}
    with (work / "client.log").open("w+", encoding="utf-8", errors="replace") as log:
        try:
            run_watched(_CLIENT, [json.dumps(request)], work, log, silence=hub_timeout())
        except Silence as silence:
            raise _failed(
                source,
                f"nothing came for {silence.seconds:g} seconds",
                "try again: what came whole is kept and not fetched twice;"
                f" or allow it longer with {TIMEOUT_VARIABLE}=300",
            ) from None
        if not result.is_file():
            log.seek(0)
            last = [line for line in log.read().splitlines() if line.strip()][-1:] or ["it said nothing"]
            raise _failed(source, f"the client ended without a result: {last[0]}", _AGAIN)
    outcome: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    if "problem" in outcome:
        raise _failed(source, outcome["problem"], outcome.get("fix") or _AGAIN)
    return Collected(tuple(_item(row, work) for row in outcome["rows"]))


def hub_timeout() -> float:
    """Return after how many seconds without progress a download is given up; raises UserError."""
    text = os.environ.get(TIMEOUT_VARIABLE, "")
    try:
        seconds = float(text) if text else TIMEOUT_SECONDS
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise UserError(f"{TIMEOUT_VARIABLE}={text!r} is no number of seconds", "set it to 60, or unset it")
    return seconds


_AGAIN = "check the network and the data set's name, then try again: what came whole is not fetched twice"


def _failed(source: ModelScopeSource, happened: str, fix: str) -> UserError:
    endpoint = os.environ.get("MODELSCOPE_ENDPOINT") or os.environ.get("MODELSCOPE_DOMAIN") or "modelscope.cn"
    return UserError(f"ModelScope data set {source.dataset} from {endpoint}: {happened}", fix)


def _item(row: dict[str, Any], work: Path) -> Found | Rejection:
    if "reason" in row:
        return Rejection(row["source"], row["reason"], row["detail"])
    return Found(row["source"], work / row["file"], row["caption"])
