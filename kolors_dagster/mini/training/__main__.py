"""Train kolors-mini: `python -m kolors_dagster.mini.training --work FOLDER STAGE`, or all stages at once.

    scenes       draw the training pictures on all processor cores
    autoencoder  train it while scenes are drawn, write latents.pt, then go on with the decoder alone
    denoiser     compile meanwhile, wait for the latents, train text encoder and UNet

Without a stage all three run, side by side, on one GPU or two: a quarter of an hour on two H100s with 32
cores, 10 GB of disk. It trains by the clock, so that two runs give two models of the same quality, not the
same bytes; more minutes make better pictures.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from kolors_dagster.mini.training.autoencoder import encode_pictures, train_autoencoder
from kolors_dagster.mini.training.captions import CAPTIONS, LONGEST, UNWANTED, load_tokenizer, tokenize
from kolors_dagster.mini.training.decoder import train_decoder
from kolors_dagster.mini.training.denoiser import Batches, CaptionedLatents, Trainer, train_denoiser
from kolors_dagster.mini.training.scenes import SHARD, render_scenes
from kolors_dagster.mini.training.shards import GrowingPictures

STAGES = ("scenes", "autoencoder", "denoiser")


def run_autoencoder(arguments: argparse.Namespace, device: torch.device) -> None:
    """Train the autoencoder, write latents, tokens and labels of every picture, and sharpen the decoder."""
    work: Path = arguments.work
    capacity = -(-arguments.count // SHARD) * SHARD
    data = GrowingPictures(work / "scenes", capacity, device)
    batch = arguments.autoencoder_batch
    vae = train_autoencoder(data, work, arguments.autoencoder_minutes, batch, arguments.first)
    data.stop()
    latents = encode_pictures(vae, data.pictures[: data.count])
    tensors = {"latents": latents.cpu()}
    for name in ("tokens", "lengths", "labels"):
        parts = []
        for path in data.shards:
            with np.load(path) as shard:
                parts.append(torch.from_numpy(shard[name].astype(np.int16)))
        tensors[name] = torch.cat(parts)
    torch.save(tensors, work / "latents.part")
    (work / "latents.part").rename(work / "latents.pt")
    print(
        f"latents {len(latents)} mean {latents.float().mean():.3f} std {latents.float().std():.3f}",
        flush=True,
    )
    train_decoder(vae, data, latents, work, arguments.decoder_minutes, batch)
    (work / "sharpened").touch()


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
    """Run the stages as processes of their own, side by side; stop at the first that fails.

    Scenes of a run before are kept; its latents are not, for they are of another autoencoder.
    """
    for earlier in ("latents.pt", "scenes/complete"):
        (arguments.work / earlier).unlink(missing_ok=True)
    command = [sys.executable, "-m", "kolors_dagster.mini.training", *sys.argv[1:]]
    running = {stage: subprocess.Popen([*command, stage], process_group=0) for stage in STAGES}
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
            os.killpg(process.pid, signal.SIGTERM)  # and those that draw scenes for it


def choose_device(stage: str) -> torch.device:
    """Return the first GPU for the denoiser and the last for the autoencoder, be they two or one."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", torch.cuda.device_count() - 1 if stage == "autoencoder" else 0)
    torch.cuda.set_device(device)
    return device


def main() -> None:
    """Run a stage, or all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40_000, help="pictures drawn")
    parser.add_argument("--first", type=int, default=4096, help="pictures the autoencoder waits for")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--autoencoder-minutes", type=float, default=3.7)
    parser.add_argument("--decoder-minutes", type=float, default=8.0, help="after that, the decoder alone")
    parser.add_argument("--autoencoder-batch", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=8.2, help="training of text encoder and UNet")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("stage", nargs="?", choices=STAGES)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    device = choose_device(arguments.stage)
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
