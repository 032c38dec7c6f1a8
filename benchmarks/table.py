"""Measurements as JSON lines, printed and kept in a file, and the table that they make: ours beside others.

Only Python's own library is imported here: peers write to the same file from processes of their own.
"""

import json
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS = "ours"
ONE_PANEL = "one panel"
EIGHT_PANELS = "eight panels"
TRAINING = "training, batch 1"
TRAINING_4 = "training, batch 4"
_ROWS = (ONE_PANEL, EIGHT_PANELS, TRAINING, TRAINING_4)
_HEADER = ("what", "who", "time", "times ours", "peak GiB", "s to first result")
_NOTE = (
    "Time: 50 steps' latents and their decoding; in training, one step. "
    "First result: the models' loading, compiling and the first panel or training step, without imports."
)


@dataclass(frozen=True)
class Results:
    """The file that the measurements of one part of a benchmark are added to, a JSON line each."""

    file: Path
    part: str

    def report(self, measurement: str, **figures: object) -> None:
        """Print a measurement, and keep it."""
        self._add({"measurement": measurement, **figures})

    def compare(
        self, what: str, who: str, *, seconds: float, peak_gib: float, first_result: float | None = None
    ) -> None:
        """Keep a row of the table: seconds a drawing or a training step takes once everything is warm."""
        figures = {"seconds": seconds, "peak_gib": peak_gib, "first_result": first_result}
        self._add({"compared": what, "who": who, **figures})

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Do the part anew, whatever became of it earlier; an error is kept, and its trace is for the log."""
        self._add({"begun": True})
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            self._add({"failed": f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]})

    def _add(self, record: dict[str, Any]) -> None:
        line = json.dumps({"part": self.part, **record}, ensure_ascii=False)
        print(line, flush=True)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def read_results(file: Path) -> list[dict[str, Any]]:
    """Return the records of a file, oldest first; none if there is no file."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def make_table(records: Iterable[dict[str, Any]]) -> str:
    """Return the comparison as a Markdown table, and what failed below it.

    `records` come oldest first, as `read_results` returns them; of a part that was tried again, only the
    newest attempt counts. Ours stands first among those that did the same; the others follow in the order
    they were measured.
    """
    compared: dict[str, dict[str, dict[str, Any]]] = {what: {} for what in _ROWS}
    failed: dict[str, str] = {}
    for record in records:
        if "compared" in record:
            compared[record["compared"]][record["who"]] = record
        elif "failed" in record:
            failed[record["part"]] = record["failed"]
        elif "begun" in record:
            failed.pop(record["part"], None)
            for by_whom in compared.values():
                for who in [who for who, row in by_whom.items() if row["part"] == record["part"]]:
                    del by_whom[who]
    rows = [_HEADER]
    for what, by_whom in compared.items():
        ours = by_whom.get(OURS)
        for record in sorted(by_whom.values(), key=lambda record: record["who"] != OURS):
            rows.append(_row(what, record, ours))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    problems = [f"{part} failed: {problem}" for part, problem in failed.items()]
    return "\n".join([*lines, "", _NOTE, *problems])


def _row(what: str, record: dict[str, Any], ours: dict[str, Any] | None) -> tuple[str, ...]:
    seconds = record["seconds"]
    return (
        what,
        record["who"],
        f"{seconds:.2f} s" if what in (ONE_PANEL, EIGHT_PANELS) else f"{1000 * seconds:.1f} ms",
        f"{seconds / ours['seconds']:.2f}" if ours else "–",
        f"{record['peak_gib']:.1f}",
        "–" if record["first_result"] is None else f"{record['first_result']:.1f}",
    )


def _line(cells: Iterable[str], widths: list[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
