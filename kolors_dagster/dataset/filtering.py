"""The second stage: Data-Juicer's operators decide which pictures stay."""

import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import Progress

from kolors_dagster.dataset.jsonl import read_jsonl, write_jsonl
from kolors_dagster.dataset.raw import METADATA, REJECTS
from kolors_dagster.dataset.reports import FilterReport
from kolors_dagster.dataset.run_data_juicer import ERROR_FILE, MISSING_PACKAGE
from kolors_dagster.dataset.watchdog import run_watched
from kolors_dagster.errors import UserError
from kolors_dagster.files import write_whole_folder
from kolors_dagster.hashing import hash_json

RESULT = "result.jsonl"
RECIPE = "data_juicer.yaml"
LOG = "data_juicer.log"
Process = Sequence[Mapping[str, Mapping[str, Any]]]
Rows = list[dict[str, Any]]
Funnel = list[tuple[str, int, int]]

_STATS = "__dj__stats__"
_TOKEN = "<__dj__image> "
# Only these read the token that says where in a text its picture belongs; to others it would be 14 letters.
_PAIRS_TEXT_WITH_IMAGE = (
    "image_text_matching_filter",
    "image_text_similarity_filter",
    "phrase_grounding_recall_filter",
)
_DONE = re.compile(r"\[(\d+)/\d+\] OP \[(\w+)\] Done in [\d.]+s\. Left (\d+) samples")


def filter_dataset(raw: Path, process: Process, output: Path) -> FilterReport:
    """Run Data-Juicer's `dj-process` on a raw data set; write what it keeps, and why it drops the rest.

    `output` gets `result.jsonl` (rows as in `metadata.jsonl`, images relative to `raw`), `rejects.jsonl`
    (operator and measured stats of each dropped row), `data_juicer.yaml` and `data_juicer.log`. Raises
    UserError for an operator or parameter that does not exist, a package that is missing, an operator that
    changes pictures, counts that don't agree, or if nothing is left; `output` is then as it was.
    """
    rows = read_jsonl(raw / METADATA)
    if not process:
        return _write(output, rows, [], [], _recipe(process, len(rows)), "no operators: nothing was run\n")
    with tempfile.TemporaryDirectory(prefix="data-juicer-") as temporary:
        work = Path(temporary).resolve()
        token = _TOKEN if any(name in _PAIRS_TEXT_WITH_IMAGE for step in process for name in step) else ""
        _lay_out(rows, raw, work, token)
        recipe = _recipe(process, len(rows))
        (work / RECIPE).write_text(recipe, encoding="utf-8")
        status, funnel = _run(process, len(rows), work)
        log = (work / LOG).read_text(encoding="utf-8").replace(f"{work}{os.sep}", "")
        if funnel and funnel[-1][2] == 0:
            raise UserError(
                f"no picture is left of {len(rows)}: {_tell(funnel)}",
                "loosen that operator in the style's `process`, or give the source pictures that pass it",
            )
        if status != 0 or len(funnel) != len(process):
            raise _explain(work, process, log)
        kept = [_restore(row, work, token) for row in read_jsonl(work / RESULT)]
        rejects = _rejects(rows, kept, funnel, work)
        return _write(output, kept, rejects, funnel, recipe, log)


def _lay_out(rows: Rows, raw: Path, work: Path, token: str) -> None:
    """Give Data-Juicer a folder of its own, pictures as links, so that whatever it writes is left behind."""
    (work / "images").mkdir()
    for row in rows:
        (work / row["image"][0]).symlink_to((raw / row["image"][0]).resolve())
    write_jsonl(work / METADATA, [{**row, "text": token + row["text"]} for row in rows])


def _recipe(process: Process, count: int) -> str:
    settings: dict[str, Any] = {
        "project_name": "kolors_dagster",
        "dataset_path": METADATA,
        "export_path": RESULT,
        "work_dir": "work",
        "text_keys": "text",
        "image_key": "image",
        "np": 1,
        "auto_op_parallelism": False,
        "use_cache": False,
        "open_monitor": False,
        # By default one unreadable picture silently takes the batch around it along.
        "skip_op_error": False,
        # The tracer writes down every row an operator drops, with what was measured.
        "open_tracer": True,
        "trace_num": max(count, 1),
        "process": [{name: dict(parameters)} for step in process for name, parameters in step.items()],
    }
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def _run(process: Process, count: int, work: Path) -> tuple[int, Funnel]:
    """Run dj-process in `work`; return its exit status and how many rows went in and out of each operator."""
    funnel: Funnel = []
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_DATASETS_CACHE": str(work / "cache")}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Data-Juicer", total=len(process))

        def read(line: str) -> None:
            done = _DONE.search(line)
            if done:
                left = int(done[3])
                funnel.append((done[2], funnel[-1][2] if funnel else count, left))
                progress.update(bar, advance=1, description=f"Data-Juicer: {left} left after {done[2]}")

        with (work / LOG).open("w", encoding="utf-8") as log:
            status = run_watched(
                "kolors_dagster.dataset.run_data_juicer",
                ["--config", RECIPE],
                work,
                log,
                offline,
                on_line=read,
            )
    return status, funnel


def _restore(row: dict[str, Any], work: Path, token: str) -> dict[str, Any]:
    """Return a row as it was before Data-Juicer made its path absolute and maybe its text a token longer."""
    images = [Path(os.path.relpath(image, work)).as_posix() for image in row["image"]]
    return {"text": row["text"].removeprefix(token), "image": images}


def _rejects(rows: Rows, kept: Rows, funnel: Funnel, work: Path) -> Rows:
    """Say of each dropped row which operator dropped it; raises UserError if a row is not accounted for."""
    counts = Counter(image for row in kept for image in row["image"])
    known = {row["image"][0]: row for row in rows}
    strange = [image for image in counts if image not in known] + [i for i, n in counts.items() if n > 1]
    if strange or any(len(row["image"]) != 1 for row in kept):
        raise UserError(
            f"Data-Juicer gave back pictures it was not given, or one twice: {', '.join(strange[:3])}",
            "use only operators that select (filters, deduplicators, selectors) or that change the caption",
        )
    traced = _read_traces(funnel, work)
    silent = [
        (name, before - after)
        for name, before, after in funnel
        if before != after and name not in {operator for operator, _ in traced.values()}
    ]
    rejects = []
    for image, row in known.items():
        if image in counts:
            continue
        operator, stats = traced.get(image) or (" or ".join(name for name, _ in silent), {})
        rejects.append({**row, "operator": operator, "stats": stats})
    dropped = Counter(reject["operator"] for reject in rejects)
    expected: Counter[str] = Counter()
    for name, before, after in funnel:
        expected[name] += before - after
    if len(silent) > 1:
        expected = Counter(
            {name: count for name, count in expected.items() if name not in dict(silent)}
            | {" or ".join(dict(silent)): sum(count for _, count in silent)}
        )
    if len(rows) != len(kept) + len(rejects) or dropped != +expected:
        raise UserError(
            f"{len(rows)} pictures went into Data-Juicer, {len(kept)} came out and {dict(dropped)} are known"
            f" to be dropped, but it says: {_tell(funnel)}",
            "the counts must agree; please report this as a bug",
        )
    return rejects


def _read_traces(funnel: Funnel, work: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return picture → (operator that dropped it, what it measured), from Data-Juicer's tracer."""
    traced: dict[str, tuple[str, dict[str, Any]]] = {}
    for name in {name for name, _, _ in funnel}:
        for file in (work / "work").glob(f"*/trace/sample_trace-{name}.jsonl"):
            for entry in read_jsonl(file):
                if _STATS in entry:
                    image = Path(os.path.relpath(entry["image"][0], work)).as_posix()
                    traced[image] = (name, entry[_STATS])
    return traced


def _write(output: Path, kept: Rows, rejects: Rows, funnel: Funnel, recipe: str, log: str) -> FilterReport:
    with write_whole_folder(output) as folder:
        write_jsonl(folder / RESULT, kept)
        write_jsonl(folder / REJECTS, rejects)
        (folder / RECIPE).write_text(recipe, encoding="utf-8")
        (folder / LOG).write_text(log, encoding="utf-8")
    return FilterReport(len(kept) + len(rejects), len(kept), len(rejects), tuple(funnel), hash_json(kept))


def _explain(work: Path, process: Process, log: str) -> UserError:
    """Turn what dj-process died of into one message."""
    file = work / ERROR_FILE
    if not file.is_file():
        last = [line for line in log.splitlines() if line.strip()][-1:] or ["it wrote nothing"]
        return UserError(f"dj-process ended without a result: {last[0]}", "run again; if it stays, report it")
    error = json.loads(file.read_text(encoding="utf-8"))
    message, operator = error["message"], error["operator"]
    names = ", ".join(name for step in process for name in step)
    where = f"process: {operator or names}"
    package = re.search(f"{MISSING_PACKAGE}(.+)", message)
    if package:
        return UserError(f"{where}: needs the package {package[1]}", f"pip install '{package[1]}'")
    if error["error"] == "PipelineConfigError":
        found = [line.strip().removeprefix("✗ ") for line in message.splitlines() if "✗" in line]
        return UserError(f"process: {'; '.join(found)}", "correct the operator's name or parameter")
    return UserError(
        f"{where}: {error['error']}: {message.strip() or 'no message'}"[:1000],
        "correct that operator's parameters in the style's `process`, or leave it out",
    )


def _tell(funnel: Funnel) -> str:
    return ", then ".join(f"{name} removed {before - after} of {before}" for name, before, after in funnel)
