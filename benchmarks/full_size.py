"""Measure the GPU path at full size, with random weights, beside diffusers and a plain training loop.

    python -m benchmarks.full_size --work /scratch/kolors

Needs a GPU with 40 GiB or more, 25 GB of disk and about eight minutes. Prints one JSON line per measurement;
`--only` chooses parts: training, drawing, precision, peers, cold.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks import full_size_peers as peers
from benchmarks.full_size_model import write_full_size_model
from kolors_dagster.kolors.base_model import BaseModel, describe_base_model
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.cached_samples import CachedSamples
from kolors_dagster.kolors.loading import load_noise_schedule, load_text_encoder, load_unet, load_vae
from kolors_dagster.kolors.lora import inject_lora
from kolors_dagster.kolors.request import DrawnPanel, DrawRequest
from kolors_dagster.kolors.sampling import sample_latents
from kolors_dagster.kolors.text import TextEmbeddings
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.kolors.training_cache import build_training_cache
from kolors_dagster.kolors.training_steps import TrainingSteps
from kolors_dagster.specs import TrainingRecipe

CUDA = torch.device("cuda")


def report(name: str, **figures: object) -> None:
    print(json.dumps({"measurement": name, **figures}, ensure_ascii=False), flush=True)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    torch.cuda.synchronize()
    start = time.perf_counter()
    result = work()
    torch.cuda.synchronize()
    return result, round(time.perf_counter() - start, 2)


def free() -> None:
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()


def peak_gib() -> float:
    return round(torch.cuda.max_memory_allocated() / 2**30, 1)


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


PARTS = ("training", "drawing", "precision", "peers", "cold")


def measure_training(model: BaseModel, work: Path, steps: int) -> None:
    """Cache, train twice and compare the bytes, train with a batch of 4, and beside them the plain loop."""
    cache, output = work / "cache", work / "lora"
    recipe = TrainingRecipe(steps=steps)
    cached = build_training_cache(write_dataset(work / "dataset"), model, recipe, cache, CUDA)
    report("training cache", **asdict(cached) | {"sizes": len(cached.sizes)})
    hashes = []
    for name, tried in (
        ("first", recipe),
        ("again", recipe),
        ("batch 4", TrainingRecipe(steps=20, batch_size=4)),
    ):
        free()
        folder = output if name != "batch 4" else work / "lora-4"
        trained = train_lora(
            cache, model, tried, folder, work / "checkpoints", {"trigger_words": "二次元"}, CUDA
        )
        hashes.append(trained.sha256)
        report(f"training, {name}", **asdict(trained))
    report("same inputs, same LoRA", equal=hashes[0] == hashes[1])
    free()
    filled = model.fill_recipe(recipe)
    unet = load_unet(model.folder, CUDA, torch.bfloat16)
    inject_lora(unet, filled.rank, filled.alpha, filled.target_modules, filled.seed)
    starts = {name: weight.data for name, weight in unet.named_parameters() if "lora_A" in name}
    del unet
    free()
    samples, schedule = CachedSamples(cache), load_noise_schedule(model.folder)
    losses, seconds = peers.train(model.folder, filled, starts, TrainingSteps(samples, schedule, filled))
    ours = np.loadtxt(output / "loss.csv", delimiter=",", skiprows=1)[:, 1]
    difference = np.abs(ours - np.array(losses))
    report(
        "training, plain loop of peft and diffusers",
        seconds_per_step=seconds,
        peak_gib=peak_gib(),
        loss_difference={"mean": float(difference.mean()), "most": float(difference.max())},
        losses={"ours": float(ours.mean()), "theirs": float(np.mean(losses))},
    )


def make_requests(steps: int) -> list[DrawRequest]:
    return [
        DrawRequest(n, f"二次元，一个女孩走过第{n}条街", "text", n, 1024, 1024, steps, 4.0, 1.0)
        for n in range(1, 9)
    ]


def measure_drawing(model: BaseModel, work: Path, steps: int) -> None:
    """Draw eight panels and one, with a LoRA if one was trained: cold, warm, repeated to the byte."""
    file = work / "lora" / "lora.safetensors"
    lora = file if file.exists() else None
    requests = make_requests(steps)
    bundle = KolorsBundle(model)
    drawn: dict[str, list[Any]] = {}
    for attempt in ("cold", "warm", "again"):
        free()
        drawn[attempt], seconds = timed(lambda: list(bundle.draw(requests, lora)))
        report(f"eight panels, {attempt}", seconds=seconds, peak_gib=peak_gib(), plan=bundle.plan.describe())
    report("panels", first=asdict(drawn["warm"][0]) | {"image": None})
    for attempt in ("cold", "warm"):
        alone, seconds = timed(lambda: list(bundle.draw(requests[2:3], lora)))
        report(f"one panel, {attempt}", seconds=seconds, peak_gib=peak_gib())
    difference = np.abs(np.asarray(alone[0].image, np.int16) - np.asarray(drawn["warm"][2].image, np.int16))
    report(
        "same inputs, same pictures",
        equal=all(
            np.array_equal(a.image, b.image) for a, b in zip(drawn["warm"], drawn["again"], strict=True)
        ),
        alone_against_batch={"mean": round(float(difference.mean()), 4), "max": int(difference.max())},
        constant=bool(np.asarray(alone[0].image).std() == 0),
    )
    drawn["warm"][2].image.save(work / "panel.png")


def encode_texts(model: BaseModel, count: int) -> TextEmbeddings:
    """Return the embeddings of `count` texts, and of a last one that is unwanted."""
    encoder = load_text_encoder(model.folder, CUDA, torch.float16)
    text = encoder.encode([*(f"二次元，一个女孩走过第{n}条街" for n in range(count)), "text"])
    return TextEmbeddings(text.hidden_states.cpu(), text.pooled.cpu())


def draw_latents(unet: Any, model: BaseModel, text: TextEmbeddings, steps: int) -> Tensor:
    return sample_latents(
        unet,
        load_noise_schedule(model.folder),
        text[:-1],
        TextEmbeddings(
            text.hidden_states[-1:].expand(len(text) - 1, -1, -1), text.pooled[-1:].expand(len(text) - 1, -1)
        ),
        list(range(len(text) - 1)),
        width=1024,
        height=1024,
        steps=steps,
        guidance_scale=4.0,
    )


def measure_precision(model: BaseModel, text: TextEmbeddings, steps: int) -> None:
    """Draw one panel in fp16 and in fp32 and compare the pictures."""
    vae = load_vae(model.folder, CUDA, torch.float32)
    pictures = []
    for dtype in (torch.float32, torch.float16):
        free()
        latents = draw_latents(load_unet(model.folder, CUDA, dtype), model, text[7:], steps)
        pictures.append(vae.decode(latents)[0].astype(np.float64))
    error = np.mean((pictures[0] - pictures[1]) ** 2)
    report(
        "fp16 against fp32", steps=steps, psnr_db=float(10 * np.log10(255**2 / error)) if error else "equal"
    )


def measure_peers(model: BaseModel, text: TextEmbeddings, steps: int) -> None:
    """Draw one panel and eight without LoRA, with our UNet and with KolorsPipeline, latents and decoding."""
    unet, vae = load_unet(model.folder, CUDA, torch.float16), load_vae(model.folder, CUDA, torch.float32)
    ours = {}
    for count in (1, 8):
        chosen = text[8 - count :]
        draw_latents(unet, model, chosen, 3)
        free()
        ours[count], seconds = timed(lambda chosen=chosen: draw_latents(unet, model, chosen, steps))
        _, decoding = timed(lambda count=count: [vae.decode(row[None]) for row in ours[count]])
        report("ours, no LoRA", panels=count, latents=seconds, decoding=decoding, peak_gib=peak_gib())
    unet = vae = None
    free()
    pipeline = peers.load_pipeline(model.folder, torch.float16)
    for count in (1, 8):
        rows = text[8 - count :]
        negative = TextEmbeddings(rows.hidden_states[-1:], rows.pooled[-1:])
        arguments = (rows[:-1], negative, list(range(count)))
        if count > 1:
            negative = TextEmbeddings(
                negative.hidden_states.expand(count, -1, -1), negative.pooled.expand(count, -1)
            )
            arguments = (rows[:-1], negative, list(range(count)))
        peers.draw(pipeline, *arguments, 3)
        free()
        latents, seconds = timed(lambda arguments=arguments: peers.draw(pipeline, *arguments, steps))
        _, decoding = timed(lambda latents=latents: peers.decode(pipeline, latents))
        error = float((latents.float() - ours[count]).norm() / latents.float().norm())
        report(
            "diffusers' KolorsPipeline, fp16",
            panels=count,
            latents=seconds,
            decoding=decoding,
            peak_gib=peak_gib(),
            ours_differs_by=error,
        )


def measure_cold(work: Path, steps: int) -> None:
    """Draw one panel in a process of its own, all texts known, from its start to the picture's file."""
    arguments = ["--work", str(work), "--steps", str(steps), "--only", "one"]
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "benchmarks.full_size", *arguments], check=True)
    report("one panel, a process from start to end", seconds=round(time.perf_counter() - start, 2))


def draw_one(model: BaseModel, work: Path, steps: int) -> None:
    """What `measure_cold` starts."""
    lora = work / "lora" / "lora.safetensors"
    panel = next(KolorsBundle(model).draw(make_requests(steps)[:1], lora if lora.exists() else None))
    assert isinstance(panel, DrawnPanel)
    panel.image.save(work / "cold.png")
    report("one panel, cold", **asdict(panel) | {"image": None})


def main() -> None:
    """Run every measurement, or those asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("full_size_work"))
    parser.add_argument("--steps", type=int, default=50, help="denoising steps a panel")
    parser.add_argument("--training-steps", type=int, default=100)
    parser.add_argument("--only", nargs="+", choices=[*PARTS, "one"], default=PARTS)
    arguments = parser.parse_args()
    work, steps, parts = arguments.work, arguments.steps, arguments.only
    os.environ.setdefault("KOLORS_DATA", str(work / "data"))
    folder = work / "kolors"
    if not (folder / "scheduler").exists():
        report("random weights written", seconds=timed(lambda: write_full_size_model(folder))[1])
    model, seconds = timed(lambda: describe_base_model("kolors", folder))
    report("model verified", seconds=seconds, gib=round(sum(model.sizes.values()) / 2**30, 2))
    if "training" in parts:
        measure_training(model, work, arguments.training_steps)
    if "drawing" in parts:
        measure_drawing(model, work, steps)
    if "precision" in parts or "peers" in parts:
        free()
        text = encode_texts(model, 8)
        if "peers" in parts:
            measure_peers(model, text, steps)
        if "precision" in parts:
            measure_precision(model, text, steps)
    if "cold" in parts:
        free()
        measure_cold(work, steps)
    if "one" in parts:
        draw_one(model, work, steps)


if __name__ == "__main__":
    main()
