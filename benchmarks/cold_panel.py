"""Draw one panel of the model in `WORK/kolors` in a new process: what is imported is what drawing takes.

    python -m benchmarks.cold_panel WORK

`benchmarks.full_size` starts it once the texts are known. Prints the seconds since its start: all imported,
model verified, picture written.
"""

import os
import sys
import time

STARTED = time.perf_counter()

from pathlib import Path  # noqa: E402 (the clock runs while these are imported)

from kolors_dagster.kolors.base_model import describe_base_model  # noqa: E402
from kolors_dagster.kolors.bundle import KolorsBundle  # noqa: E402
from kolors_dagster.kolors.request import DrawnPanel, DrawRequest  # noqa: E402


def make_request(number: int, steps: int) -> DrawRequest:
    prompt = f"二次元，一个女孩走过第{number}条街"
    return DrawRequest(number, prompt, "text", number, 1024, 1024, steps, 4.0, 1.0)


def main(work: Path, steps: int = 50) -> None:
    """Draw, and print when what was done."""
    os.environ.setdefault("KOLORS_DATA", str(work / "data"))
    times = {"imported": time.perf_counter()}
    model = describe_base_model("kolors", work / "kolors")
    times["verified"] = time.perf_counter()
    lora = work / "lora" / "lora.safetensors"
    bundle = KolorsBundle(model)
    panel = next(bundle.draw([make_request(1, steps)], lora if lora.exists() else None))
    assert isinstance(panel, DrawnPanel)
    panel.image.save(work / "cold.png")
    times["drawn"] = time.perf_counter()
    print({what: round(at - STARTED, 2) for what, at in times.items()}, dict(bundle.calls), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
