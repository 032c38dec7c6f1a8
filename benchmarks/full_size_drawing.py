"""Drawing at full size: eight panels and one, fp16 and fp32, beside KolorsPipeline, and in a new process."""

import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import full_size_peers as peers
from benchmarks.cold_panel import make_request
from benchmarks.gpu import CUDA, free, peak_gib, timed
from benchmarks.mini_model import report
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.loading import load_noise_schedule, load_text_encoder, load_unet, load_vae
from kolors_dagster.kolors.request import DrawRequest
from kolors_dagster.kolors.sampling import sample_latents
from kolors_dagster.kolors.text import TextEmbeddings


def make_requests(steps: int) -> list[DrawRequest]:
    return [make_request(number, steps) for number in range(1, 9)]


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


def measure_cold(work: Path) -> None:
    """Draw one panel in a process of its own, all texts known, from its start to the picture's file."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "benchmarks.cold_panel", str(work)], check=True)
    report("one panel, a process from start to end", seconds=round(time.perf_counter() - start, 2))
