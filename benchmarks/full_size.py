"""Measure the GPU path at full size, with random weights, beside diffusers, a plain loop and DiffSynth 1.

    python -m benchmarks.full_size --work /scratch/kolors

Needs a GPU with 40 GiB or more (80 for the plain loop's batch of four), 25 GB of disk and a quarter of an
hour or so. Every part is a process of its own, and the others go on where one fails; `--only` chooses parts.
Prints one JSON line per measurement, adds it to WORK/results.jsonl, and ends with the table of what that file
holds: parts that were run one by one make one table. The part `diffsynth-1` needs packages that cannot stand
beside the project's own: `benchmarks/diffsynth_1.py` says how to make the folder that `--diffsynth-1` names.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.table import Results, make_table, read_results

MODEL = "model"
DIFFSYNTH_1 = "diffsynth-1"
PARTS = ("training", "drawing", "precision", "peers", "compiled", "cold", DIFFSYNTH_1)


def write_dataset(folder: Path) -> Path:
    (folder / "train").mkdir(parents=True, exist_ok=True)
    rows = ["file_name,text"]
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).resize((1100, 1024), Image.Resampling.BICUBIC)
        image.save(folder / "train" / f"{number}.jpg", quality=95)
        rows.append(f"{number}.jpg,二次元，第{number}张")
    (folder / "train" / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
    return folder


def measure(part: str, arguments: argparse.Namespace, results: Results) -> None:
    """Run one part in this process."""
    # Imported here: the process that starts the others takes nothing of the GPU.
    from benchmarks import full_size_drawing as drawing
    from benchmarks import full_size_panels as panels
    from benchmarks.full_size_model import write_full_size_model
    from benchmarks.full_size_training import measure_training
    from benchmarks.gpu import timed
    from kolors_dagster.kolors.base_model import describe_base_model

    work, steps = arguments.work, arguments.steps
    if part == MODEL:
        _, seconds = timed(lambda: write_full_size_model(work / "kolors"))
        results.report("random weights written", seconds=seconds)
    model, seconds = timed(lambda: describe_base_model("kolors", work / "kolors"))
    results.report("model verified", seconds=seconds, gib=round(sum(model.sizes.values()) / 2**30, 2))
    if part == MODEL:
        return
    if part == "training":
        measure_training(model, work, arguments.training_steps, results)
    elif part == "drawing":
        drawing.measure_drawing(model, work, steps, results)
    elif part == "cold":
        drawing.measure_cold(work, results)
    else:
        text = panels.encode_texts(model, 8, work / "texts.safetensors")
        parts = {
            "precision": panels.measure_precision,
            "peers": panels.measure_peers,
            "compiled": panels.measure_compiled,
        }
        parts[part](model, work, text, steps, results)


def measure_in_own_process(part: str, arguments: argparse.Namespace, results: Results) -> None:
    """Run one part in a process of its own; if that was killed, so say the results."""
    environment = os.environ.copy()
    command = [sys.executable, "-m", "benchmarks.full_size", *sys.argv[1:], "--only", part, "--this-process"]
    if part == DIFFSYNTH_1:
        paths = (str(arguments.diffsynth_1.resolve()), environment.get("PYTHONPATH"))
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        command = [sys.executable, "-m", "benchmarks.diffsynth_1", str(arguments.work)]
    with results.attempt():
        code = subprocess.run(command, env=environment).returncode
        if code:
            raise ChildProcessError(f"its process ended with {code}")


def _holds_diffsynth_1(folder: Path | None) -> bool:
    return folder is not None and (folder / "diffsynth-1.1.9.dist-info").is_dir()


def main() -> None:
    """Run every part, or those asked for, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("full_size_work"))
    parser.add_argument("--steps", type=int, default=50, help="denoising steps a panel")
    parser.add_argument("--training-steps", type=int, default=100)
    parser.add_argument("--only", nargs="+", choices=(MODEL, *PARTS), help="parts to run")
    parser.add_argument("--diffsynth-1", type=Path, metavar="FOLDER", help="packages of DiffSynth 1.1.9")
    parser.add_argument("--this-process", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    work, file = arguments.work, arguments.work / "results.jsonl"
    os.environ.setdefault("KOLORS_DATA", str(work / "data"))
    parts = arguments.only or [part for part in PARTS if part != DIFFSYNTH_1 or arguments.diffsynth_1]
    if DIFFSYNTH_1 in parts and not _holds_diffsynth_1(arguments.diffsynth_1):
        parser.error(
            f"{DIFFSYNTH_1} needs --diffsynth-1 FOLDER: benchmarks/diffsynth_1.py says how to make it"
        )
    if arguments.this_process:
        results = Results(file, parts[0])
        with results.attempt():
            measure(parts[0], arguments, results)
        return
    write_dataset(work / "dataset")
    if not (work / "kolors" / "scheduler").exists():
        parts = [MODEL, *parts]
    for part in parts:
        measure_in_own_process(part, arguments, Results(file, part))
    print(make_table(read_results(file)))


if __name__ == "__main__":
    main()
