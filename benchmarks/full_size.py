"""Prove the GPU path at full size, with random weights: cache, train, draw, repeat, compare with diffusers.

    python -m benchmarks.full_size --work /scratch/kolors --steps 50

Needs a GPU with 24 GiB or more, 20 GB of disk and about ten minutes. Prints one JSON line per measurement.
"""

import argparse
import gc
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.full_size_model import write_full_size_model
from kolors_dagster.kolors.base_model import BaseModel, describe_base_model
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.loading import load_noise_schedule, load_text_encoder, load_unet
from kolors_dagster.kolors.request import DrawRequest
from kolors_dagster.kolors.sampling import make_noise, sample_latents
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.kolors.training_cache import build_training_cache
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


def measure_training(model: BaseModel, work: Path, steps: int) -> Path:
    cache, output = work / "cache", work / "lora"
    recipe = TrainingRecipe(steps=steps)
    dataset = write_dataset(work / "dataset")
    cached, seconds = timed(lambda: build_training_cache(dataset, model, recipe, cache, CUDA))
    report("training cache, 4 images", seconds=seconds, peak_gib=round(cached.peak_memory_bytes / 2**30, 1))
    free()
    hashes = []
    for _ in range(2):
        trained = train_lora(
            cache, model, recipe, output, work / "checkpoints", {"trigger_words": "二次元"}, CUDA
        )
        hashes.append(trained.sha256)
        report("training", **asdict(trained))
        free()
    report("same inputs, same LoRA", equal=hashes[0] == hashes[1])
    return output / "lora.safetensors"


def measure_drawing(model: BaseModel, lora: Path, work: Path, steps: int, plan: str) -> None:
    free()
    requests = [
        DrawRequest(n, f"二次元，一个女孩走过第{n}条街", "text", n, 1024, 1024, steps, 4.0, 1.0)
        for n in range(1, 9)
    ]
    bundle = KolorsBundle(model, "cuda", "auto", 8, plan)
    for attempt in ("cold", "warm"):
        drawn, seconds = timed(lambda: list(bundle.draw(requests, lora)))
        peak = round(torch.cuda.max_memory_allocated() / 2**30, 1)
        report(f"eight panels, {plan}, {attempt}", seconds=seconds, peak_gib=peak, calls=dict(bundle.calls))
    again, seconds = timed(lambda: list(bundle.draw(requests, lora)))
    same = all(np.array_equal(a.image, b.image) for a, b in zip(drawn, again, strict=True))
    alone, seconds = timed(lambda: list(bundle.draw(requests[2:3], lora)))
    difference = np.abs(np.asarray(alone[0].image, np.int16) - np.asarray(drawn[2].image, np.int16))
    report(
        f"one panel, {plan}",
        seconds=seconds,
        eight_repeat_to_the_byte=same,
        alone_against_batch={"mean": round(float(difference.mean()), 4), "max": int(difference.max())},
        constant=bool(np.asarray(alone[0].image).std() == 0),
    )
    drawn[2].image.save(work / f"panel_{plan}.png")


def compare_with_diffusers(model: BaseModel, steps: int) -> None:
    """Same weights, noise and embeddings through diffusers' UNet and pipeline, fp16."""
    from diffusers import EulerDiscreteScheduler, KolorsPipeline, UNet2DConditionModel

    free()
    encoder = load_text_encoder(model.folder, CUDA, torch.float16)
    text = encoder.encode(["二次元，一个女孩走过街", "text"])
    del encoder
    free()
    unet = load_unet(model.folder, CUDA, torch.float16)
    schedule = load_noise_schedule(model.folder)
    ours = []
    for _ in range(2):
        latents, seconds = timed(
            lambda: sample_latents(
                unet,
                schedule,
                text[:1],
                text[1:],
                [1],
                width=1024,
                height=1024,
                steps=steps,
                guidance_scale=4.0,
            )
        )
        ours.append(seconds)
    unet = None
    free()
    theirs_unet = UNet2DConditionModel.from_pretrained(
        model.folder / "unet", variant="fp16", torch_dtype=torch.float16
    ).to(CUDA)
    pipeline = KolorsPipeline(
        vae=None,
        text_encoder=None,
        tokenizer=None,
        unet=theirs_unet,
        scheduler=EulerDiscreteScheduler.from_pretrained(model.folder, subfolder="scheduler"),
    )
    theirs = []
    for _ in range(2):
        expected, seconds = timed(
            lambda: (
                pipeline(
                    prompt_embeds=text.hidden_states[:1],
                    pooled_prompt_embeds=text.pooled[:1],
                    negative_prompt_embeds=text.hidden_states[1:],
                    negative_pooled_prompt_embeds=text.pooled[1:],
                    latents=make_noise([1], 1024, 1024).to(CUDA, torch.float16),
                    num_inference_steps=steps,
                    guidance_scale=4.0,
                    output_type="latent",
                    height=1024,
                    width=1024,
                ).images
            )
        )
        theirs.append(seconds)
    error = float((latents.float() - expected.float()).norm() / expected.float().norm())
    report(
        "one panel's latents against diffusers, fp16",
        ours_seconds=ours[-1],
        diffusers_seconds=theirs[-1],
        ratio=round(theirs[-1] / ours[-1], 2),
        relative_difference=error,
    )


def main() -> None:
    """Run every measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("full_size_work"))
    parser.add_argument("--steps", type=int, default=50, help="denoising steps a panel")
    parser.add_argument("--training-steps", type=int, default=30)
    arguments = parser.parse_args()
    os.environ.setdefault("KOLORS_DATA", str(arguments.work / "data"))
    folder = arguments.work / "kolors"
    if not (folder / "scheduler").exists():
        _, seconds = timed(lambda: write_full_size_model(folder))
        report("random weights written", seconds=seconds)
    model, seconds = timed(lambda: describe_base_model("kolors", folder))
    gib = round(sum(model.sizes.values()) / 2**30, 2)
    report("verified", seconds=seconds, gib=gib, side=model.default_size, steps=model.default_steps)
    report("verified again", seconds=timed(lambda: describe_base_model("kolors", folder))[1])
    lora = measure_training(model, arguments.work, arguments.training_steps)
    for plan in ("resident", "sequential"):
        measure_drawing(model, lora, arguments.work, arguments.steps, plan)
    compare_with_diffusers(model, arguments.steps)


if __name__ == "__main__":
    main()
