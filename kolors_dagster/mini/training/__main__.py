"""Train kolors-mini: `python -m kolors_dagster.mini.training --work FOLDER STAGE`, or all stages at once.

    scenes       draw the training pictures on all processor cores
    autoencoder  train it while scenes are drawn, then write latents.pt
    denoiser     compile meanwhile, wait for the latents, train text encoder and UNet

Without a stage all three run, side by side: a quarter of an hour on one H100 with 16 cores, 10 GB of disk. It
trains by the clock, so that two runs give two models of the same quality, not the same bytes; more minutes
make better pictures.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from kolors_dagster.mini.training.autoencoder import encode_pictures, train_autoencoder
from kolors_dagster.mini.training.captions import CAPTIONS, LONGEST, UNWANTED, load_tokenizer, tokenize
from kolors_dagster.mini.training.denoiser import Batches, CaptionedLatents, Trainer, train_denoiser
from kolors_dagster.mini.training.scenes import SHARD, render_scenes
from kolors_dagster.mini.training.shards import GrowingPictures

STAGES = ("scenes", "autoencoder", "denoiser")


def run_autoencoder(arguments: argparse.Namespace, device: torch.device) -> None:
    """Train the autoencoder and write the latents, tokens and labels of every plain picture."""
    work: Path = arguments.work
    capacity = -(-arguments.count // SHARD) * SHARD
    data = GrowingPictures(work / "scenes", capacity, device)
    vae = train_autoencoder(
        data, work, arguments.autoencoder_minutes, arguments.autoencoder_batch, device, arguments.first
    )
    data.stop()
    parts: dict[str, list[torch.Tensor]] = {"latents": [], "tokens": [], "lengths": [], "labels": []}
    start = 0
    for path in data.shards:
        with np.load(path) as shard:
            size = len(shard["labels"])
            if not shard["styled"]:
                parts["latents"].append(encode_pictures(vae, data.pictures[start : start + size]).cpu())
                for name in ("tokens", "lengths", "labels"):
                    parts[name].append(torch.from_numpy(shard[name].astype(np.int16)))
        start += size
    tensors = {name: torch.cat(tensors) for name, tensors in parts.items()}
    torch.save(tensors, work / "latents.part")
    (work / "latents.part").rename(work / "latents.pt")
    latents = tensors["latents"].float()
    print(f"latents {len(latents)} mean {latents.mean():.3f} std {latents.std():.3f}", flush=True)


def run_denoiser(arguments: argparse.Namespace, device: torch.device) -> None:
    """Compile, wait for the latents, and train."""
    compiled = device.type == "cuda"
    trainer = Trainer(device, compiled=compiled)
    rows, _ = tokenize([""], load_tokenizer())
    empty = torch.from_numpy(rows[0].astype(np.int16)).to(device)
    stand_in = CaptionedLatents(
        torch.randn(64, 4, 32, 32, device=device).half(),
        torch.ones((64, CAPTIONS + UNWANTED, LONGEST), dtype=torch.int16, device=device),
        torch.full((64, CAPTIONS + UNWANTED), 30, dtype=torch.int16, device=device),
        torch.zeros((64, 16), dtype=torch.int16, device=device),
    )
    started = time.monotonic()
    warm = Batches(stand_in, empty, arguments.batch, device, 0)
    for _ in range(2):
        trainer.step(warm, 0.0)
    print(f"unet compiled in {time.monotonic() - started:.0f} s", flush=True)
    trainer.restart()
    if compiled:
        torch.cuda.empty_cache()
    while not (arguments.work / "latents.pt").exists():
        time.sleep(0.5)
    tensors = torch.load(arguments.work / "latents.pt", weights_only=True)
    data = CaptionedLatents(**{name: tensor.to(device) for name, tensor in tensors.items()})
    batches = Batches(data, empty, arguments.batch, device, 1)
    train_denoiser(trainer, batches, arguments.work, arguments.minutes)


def run_all(arguments: argparse.Namespace) -> None:
    """Run the stages as processes of their own, side by side; stop at the first that fails."""
    command = [sys.executable, "-m", "kolors_dagster.mini.training", *sys.argv[1:]]
    running = {stage: subprocess.Popen([*command, stage]) for stage in STAGES}
    try:
        while running:
            time.sleep(1)
            for stage, process in list(running.items()):
                if process.poll() is not None:
                    del running[stage]
                    if process.returncode:
                        raise SystemExit(f"{stage} failed")
    finally:
        for process in running.values():
            process.terminate()


def main() -> None:
    """Run a stage, or all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--count", type=int, default=44_000, help="pictures drawn, a tenth of them styled")
    parser.add_argument("--first", type=int, default=4096, help="pictures the autoencoder waits for")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--autoencoder-minutes", type=float, default=2.7)
    parser.add_argument("--autoencoder-batch", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=6.8, help="training of text encoder and UNet")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("stage", nargs="?", choices=STAGES)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if arguments.stage == "scenes":
        render_scenes(arguments.work / "scenes", arguments.count, arguments.seed, arguments.workers)
    elif arguments.stage == "autoencoder":
        run_autoencoder(arguments, device)
    elif arguments.stage == "denoiser":
        run_denoiser(arguments, device)
    else:
        run_all(arguments)


if __name__ == "__main__":
    main()
