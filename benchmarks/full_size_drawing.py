"""Drawing at full size, the whole path: eight panels and one, with a LoRA, and one in a new process."""

import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cold_panel import make_request
from benchmarks.gpu import free, peak_gib, timed
from benchmarks.table import Results
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.request import DrawRequest


def make_requests(steps: int) -> list[DrawRequest]:
    return [make_request(number, steps) for number in range(1, 9)]


def measure_drawing(model: BaseModel, work: Path, steps: int, results: Results) -> None:
    """Draw eight panels and one, with a LoRA if one was trained: cold, warm, repeated to the byte."""
    file = work / "lora" / "lora.safetensors"
    lora = file if file.exists() else None
    requests = make_requests(steps)
    bundle = KolorsBundle(model)
    drawn: dict[str, list[Any]] = {}
    for attempt in ("cold", "warm", "again"):
        free()
        drawn[attempt], seconds = timed(lambda: list(bundle.draw(requests, lora)))
        results.report(
            f"eight panels, {attempt}", seconds=seconds, peak_gib=peak_gib(), plan=bundle.plan.describe()
        )
    results.report("panels", first=asdict(drawn["warm"][0]) | {"image": None})
    for attempt in ("cold", "warm"):
        alone, seconds = timed(lambda: list(bundle.draw(requests[2:3], lora)))
        results.report(f"one panel, {attempt}", seconds=seconds, peak_gib=peak_gib())
    difference = np.abs(np.asarray(alone[0].image, np.int16) - np.asarray(drawn["warm"][2].image, np.int16))
    results.report(
        "same inputs, same pictures",
        equal=all(
            np.array_equal(a.image, b.image) for a, b in zip(drawn["warm"], drawn["again"], strict=True)
        ),
        alone_against_batch={"mean": round(float(difference.mean()), 4), "max": int(difference.max())},
        constant=bool(np.asarray(alone[0].image).std() == 0),
    )
    drawn["warm"][2].image.save(work / "panel.png")


def measure_cold(work: Path, results: Results) -> None:
    """Draw one panel in a process of its own, all texts known, from its start to the picture's file."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "benchmarks.cold_panel", str(work)], check=True)
    results.report("one panel, a process from start to end", seconds=round(time.perf_counter() - start, 2))
