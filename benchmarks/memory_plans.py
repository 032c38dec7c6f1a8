"""Kolors on cards of 80, 24, 16, 12 and 8 GiB: what each plan is, what it takes, and how much slower it is.

    python -m benchmarks.memory_plans --model /scratch/kolors --work /scratch/memory

Needs the folder of a model, of full size with random weights from `benchmarks.full_size_model` for instance,
and a GPU; a smaller card is one on which this process may allocate no more (`memory_gib`). Every card is a
process of its own, and every part of it goes on where another failed. Prints one JSON line per part.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kolors_dagster.kolors.base_model import BaseModel, describe_base_model
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.device import choose_device
from kolors_dagster.kolors.device_memory import release_memory
from kolors_dagster.kolors.loading import load_text_encoder
from kolors_dagster.kolors.peak_memory import PeakMemory
from kolors_dagster.kolors.request import DrawRequest, FailedPanel
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.kolors.training_cache import build_training_cache
from kolors_dagster.specs import TrainingRecipe

_GIB = 2**30


def write_dataset(folder: Path, side: int) -> Path:
    (folder / "train").mkdir(parents=True, exist_ok=True)
    rows = ["file_name,text"]
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
        image.save(folder / "train" / f"{number}.jpg", quality=95)
        rows.append(f"{number}.jpg,二次元，第{number}张")
    (folder / "train" / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
    return folder


class Card:
    """The parts that are measured on one card of `gib`, in this process."""

    def __init__(self, gib: float, model: BaseModel, work: Path, arguments: argparse.Namespace) -> None:
        self.gib = gib
        self.model = model
        self.work = work
        self.steps: int = arguments.steps
        self.device = choose_device()
        self.limit = gib if self.device.type == "cuda" else None
        self.side = model.default_size
        self.recipe = TrainingRecipe(steps=arguments.training_steps, batch_size=arguments.training_batch)
        self.bundle = KolorsBundle(model, memory_gib=self.limit)

    def measure(self, part: str, work: Callable[[], dict[str, Any]]) -> None:
        """Print what one part took; a failure is printed in its place."""
        release_memory(self.device)
        start = time.perf_counter()
        with PeakMemory(self.device) as peak:
            try:
                result = work()
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                result = {"failed": f"{type(error).__name__}: {error}", "at": f"{place.name}:{place.lineno}"}
        # What is measured within a part begins its own count of the GPU's peak, and reports it.
        peak_bytes = max(result.pop("peak_bytes", 0), peak.bytes)
        line = {
            "gib": self.gib,
            "part": part,
            "seconds": round(time.perf_counter() - start, 2),
            "peak_gib": round(peak_bytes / _GIB, 2),
            **result,
        }
        print(json.dumps(line, ensure_ascii=False), flush=True)

    def encode(self) -> dict[str, Any]:
        """Load ChatGLM3 and encode two texts; the second's time is what each further one takes."""
        start = time.perf_counter()
        stream = self.bundle.plan.stream_text_encoder
        encoder = load_text_encoder(self.model.folder, self.device, self.bundle.dtype, stream=stream)
        loaded = time.perf_counter()
        encoder.encode(["二次元，一个女孩"])[:1].hidden_states.cpu()
        first = time.perf_counter()
        embeddings = encoder.encode(["二次元，一条街道"]).hidden_states.cpu()
        return {
            "plan": self.bundle.plan.describe(),
            "load": round(loaded - start, 2),
            "first_text": round(first - loaded, 2),
            "further_text": round(time.perf_counter() - first, 2),
            "embeddings_sha256": sha256(embeddings.numpy().tobytes()).hexdigest()[:12],
        }

    def cache(self) -> dict[str, Any]:
        """Encode two images and their captions."""
        report = build_training_cache(
            write_dataset(self.work / "dataset", self.side),
            self.model,
            self.recipe,
            self.work / "cache",
            self.device,
            self.limit,
        )
        return {"images": report.images, "peak_bytes": report.peak_memory_bytes}

    def train(self) -> dict[str, Any]:
        """Train a LoRA; its hash says whether checkpointing changed a bit of it."""
        report = train_lora(
            self.work / "cache",
            self.model,
            self.recipe,
            self.work / "lora",
            self.work / "checkpoints",
            {"trigger_words": "二次元"},
            self.device,
            self.limit,
        )
        return {
            "seconds_a_step": round(report.seconds_per_step, 3),
            "last_loss": report.last_loss,
            "lora_sha256": report.sha256[:12],
            "peak_bytes": report.peak_memory_bytes,
        }

    def draw(self, count: int) -> dict[str, Any]:
        """Draw that many panels, with the LoRA if it was trained."""
        lora = self.work / "lora" / "lora.safetensors"
        requests = [
            DrawRequest(
                number=number,
                prompt=f"二次元，一个女孩走过第{number}条街",
                negative_prompt="text",
                seed=number,
                width=self.side,
                height=self.side,
                steps=self.steps,
                guidance_scale=4.0,
                lora_weight=1.0,
            )
            for number in range(1, count + 1)
        ]
        result: dict[str, Any] = {"peak_bytes": 0, "drawn": 0}
        for panel in self.bundle.draw(requests, lora if lora.is_file() else None):
            if isinstance(panel, FailedPanel):
                result["failed"] = panel.problem
                continue
            result["drawn"] += 1
            result["peak_bytes"] = max(result["peak_bytes"], int(panel.peak_memory_mib * 2**20))
            panel.image.save(self.work / f"panel_{panel.number}_of_{count}.png")
        return result | {"batch_size": self.bundle.batch_size, "calls": dict(self.bundle.calls)}


def measure_card(gib: float, arguments: argparse.Namespace) -> None:
    """Measure every part on one card, whatever became of the one before it."""
    work = arguments.work / f"{gib:g}"
    shutil.rmtree(work, ignore_errors=True)  # so that texts are new and nothing is resumed from
    os.environ["KOLORS_DATA"] = str(work / "data")
    card = Card(gib, describe_base_model("kolors", arguments.model), work, arguments)
    card.measure("encode new texts", card.encode)
    card.measure("training cache, 2 images", card.cache)
    card.measure(f"train {card.recipe.steps} steps", card.train)
    for count in (1, 8):
        card.measure(f"draw {count}, texts new", partial(card.draw, count))
        card.measure(f"draw {count} again", partial(card.draw, count))


def main() -> None:
    """Measure each card in a process of its own, so that the limit and the peaks are its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of a model, in either layout")
    parser.add_argument("--work", type=Path, default=Path("memory_plans_work"))
    parser.add_argument("--gib", type=float, nargs="+", default=[80, 24, 16, 12, 8])
    parser.add_argument("--steps", type=int, default=4, help="denoising steps a panel")
    parser.add_argument("--training-steps", type=int, default=3)
    parser.add_argument("--training-batch", type=int, default=1)
    parser.add_argument("--this-process", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.this_process:
        measure_card(arguments.gib[0], arguments)
        return
    for gib in arguments.gib:
        command = [sys.executable, "-m", "benchmarks.memory_plans", *sys.argv[1:]]
        code = subprocess.run([*command, "--gib", f"{gib:g}", "--this-process"]).returncode
        if code:
            print(json.dumps({"gib": gib, "failed": f"its process ended with {code}"}), flush=True)


if __name__ == "__main__":
    main()
