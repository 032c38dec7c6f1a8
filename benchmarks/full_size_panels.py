"""The same panels by ours and by KolorsPipeline, from one set of embeddings; ours in every arithmetic."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks import full_size_peers as peers
from benchmarks.gpu import CUDA, free, peak_gib, timed
from benchmarks.table import EIGHT_PANELS, ONE_PANEL, OURS, Results
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.device import choose_dtype
from kolors_dagster.kolors.fp8_layers import fp8_layers
from kolors_dagster.kolors.loading import load_noise_schedule, load_text_encoder, load_unet, load_vae
from kolors_dagster.kolors.sampling import sample_latents
from kolors_dagster.kolors.text import TextEmbeddings

PIPELINE = "diffusers' KolorsPipeline, fp16"


def encode_texts(model: BaseModel, count: int, file: Path) -> TextEmbeddings:
    """Return the embeddings of `count` texts, and of a last one that is unwanted; `file` keeps them."""
    if not file.exists():
        encoder = load_text_encoder(model.folder, CUDA, torch.float16)
        text = encoder.encode([*(f"二次元，一个女孩走过第{n}条街" for n in range(count)), "text"])
        save_file({name: tensor.cpu().contiguous() for name, tensor in vars(text).items()}, file)
    return TextEmbeddings(**load_file(file))


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


def measure_precision(
    model: BaseModel, work: Path, text: TextEmbeddings, steps: int, results: Results
) -> None:
    """Draw one panel in fp32 and in every faster arithmetic, and compare latents and pictures."""
    vae = load_vae(model.folder, CUDA, torch.float32)

    def draw(dtype: str) -> tuple[Tensor, np.ndarray]:
        free()
        unet = load_unet(model.folder, CUDA, torch.bfloat16 if dtype == "fp8" else choose_dtype(CUDA, dtype))
        with fp8_layers(unet) if dtype == "fp8" else nullcontext():
            latents = draw_latents(unet, model, text[7:], steps)
        return latents, vae.decode(latents)[0].astype(np.float64)

    exact, picture = draw("fp32")
    for dtype in ("fp16", "bf16", "fp8"):
        latents, other = draw(dtype)
        error = np.mean((picture - other) ** 2)
        results.report(
            f"{dtype} against fp32",
            steps=steps,
            latents_differ_by=float((latents - exact).norm() / exact.norm()),
            psnr_db=float(10 * np.log10(255**2 / error)) if error else "equal",
        )


class Painter(NamedTuple):
    """Somebody's models, loaded: texts (the unwanted one last) and steps to latents, latents to pictures."""

    draw: Callable[[TextEmbeddings, int], Tensor]
    decode: Callable[[Tensor], object]


def load_ours(model: BaseModel) -> Painter:
    unet, vae = load_unet(model.folder, CUDA, torch.float16), load_vae(model.folder, CUDA, torch.float32)
    return Painter(
        lambda text, steps: draw_latents(unet, model, text, steps),
        lambda latents: [vae.decode(row[None]) for row in latents],
    )


def load_pipeline(model: BaseModel, *, faster: bool) -> Painter:
    pipeline = peers.load_pipeline(model.folder, torch.float16)
    if faster:
        peers.speed_up(pipeline)

    def draw(text: TextEmbeddings, steps: int) -> Tensor:
        count = len(text) - 1
        hidden_states, pooled = text.hidden_states[-1:], text.pooled[-1:]
        unwanted = TextEmbeddings(hidden_states.expand(count, -1, -1), pooled.expand(count, -1))
        return peers.draw(pipeline, text[:-1], unwanted, list(range(count)), steps)

    return Painter(draw, partial(peers.decode, pipeline))


def compare_painter(
    who: str, load: Callable[[], Painter], text: TextEmbeddings, steps: int, results: Results
) -> dict[int, Tensor]:
    """Load somebody's models, draw one panel and eight without LoRA; return the latents of each.

    ChatGLM3 has no part in it: the texts are embeddings already.
    """
    free()
    painter, loading = timed(load)
    latents: dict[int, Tensor] = {}
    for count, row, warm_up in ((1, ONE_PANEL, steps), (8, EIGHT_PANELS, 3)):
        chosen = text[8 - count :]
        _, first = timed(lambda chosen=chosen, warm_up=warm_up: painter.decode(painter.draw(chosen, warm_up)))
        free()
        latents[count], drawing = timed(lambda chosen=chosen: painter.draw(chosen, steps))
        _, decoding = timed(lambda count=count: painter.decode(latents[count]))
        results.report(
            who,
            panels=count,
            loading=loading,
            first_steps=warm_up,
            first=first,
            latents=drawing,
            decoding=decoding,
        )
        results.compare(
            row,
            who,
            seconds=drawing + decoding,
            peak_gib=peak_gib(),
            first_result=loading + first if warm_up == steps else None,
        )
    return latents


def measure_peers(model: BaseModel, work: Path, text: TextEmbeddings, steps: int, results: Results) -> None:
    """Draw with our UNet and autoencoder, then with KolorsPipeline as it comes, in fp16."""
    ours = compare_painter(OURS, lambda: load_ours(model), text, steps, results)
    save_file({str(count): latents.cpu() for count, latents in ours.items()}, work / "latents.safetensors")
    load = partial(load_pipeline, model, faster=False)
    theirs = compare_painter(PIPELINE, load, text, steps, results)
    report_difference(PIPELINE, theirs, work, results)


def measure_compiled(
    model: BaseModel, work: Path, text: TextEmbeddings, steps: int, results: Results
) -> None:
    """Draw with KolorsPipeline made as fast as its documentation says."""
    load = partial(load_pipeline, model, faster=True)
    theirs = compare_painter(f"{PIPELINE}, compiled", load, text, steps, results)
    report_difference(f"{PIPELINE}, compiled", theirs, work, results)


def report_difference(who: str, theirs: dict[int, Tensor], work: Path, results: Results) -> None:
    """Say how far our latents are from theirs, relative, if ours were drawn."""
    file = work / "latents.safetensors"
    ours = load_file(file) if file.exists() else {}
    for count, latents in theirs.items():
        if str(count) in ours:
            expected = latents.float().cpu()
            error = (ours[str(count)].float() - expected).norm() / expected.norm()
            results.report(who, panels=count, ours_differs_by=float(error))
