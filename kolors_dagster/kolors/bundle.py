"""All of Kolors in one object that draws pictures: plain requests in, pictures out."""

import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from kolors_dagster.errors import UserError
from kolors_dagster.kolors import loading
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.device import choose_device, choose_dtype, make_repeatable, wait_for
from kolors_dagster.kolors.device_memory import free_memory, limit_memory, release_memory
from kolors_dagster.kolors.embedding_store import EmbeddingStore
from kolors_dagster.kolors.fp8_layers import FP8, fp8_layers, no_room_for_fp8
from kolors_dagster.kolors.memory_plan import PartSizes, choose_memory_plan
from kolors_dagster.kolors.merged_lora import MergedLora
from kolors_dagster.kolors.noise_schedule import NoiseSchedule
from kolors_dagster.kolors.peak_memory import PeakMemory
from kolors_dagster.kolors.request import DrawnPanel, DrawRequest, FailedPanel
from kolors_dagster.kolors.sampling import sample_latents
from kolors_dagster.kolors.streaming import stream_linear_layers
from kolors_dagster.kolors.text import TextEmbeddings, TextEncoder, join_embeddings
from kolors_dagster.kolors.unet import KolorsUNet

_log = logging.getLogger(__name__)


class KolorsBundle:
    """Tokenizer, ChatGLM3, UNet, VAE and scheduler of one base model, each loaded when first needed.

    `plan` says how much is in memory at a time; it is chosen from what is free, or within `memory_gib`, and
    `memory_plan` may fix whether UNet and VAE stay. The text encoder, the largest part, is loaded for texts
    that were never encoded before, and never beside the UNet. `calls` counts what was computed:
    `text_encoder` and `vae` by text and picture, `unet` by forward pass, `loads` by part. `fp8`: the UNet's
    large products are computed in 8 bits, all else in `dtype`. Raises UserError for what cannot be had.
    """

    def __init__(
        self,
        base_model: BaseModel,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 8,
        memory_plan: str = "auto",
        memory_gib: float | None = None,
    ) -> None:
        make_repeatable()
        self.base_model = base_model
        self.device = choose_device(device)
        chosen = choose_dtype(self.device, dtype)
        self.fp8 = chosen == FP8
        self.dtype = torch.bfloat16 if self.fp8 else chosen
        limit_memory(self.device, memory_gib)
        sizes = PartSizes.of(base_model.sizes, self.dtype.itemsize, fp8=self.fp8)
        free = free_memory(self.device)
        self.plan = choose_memory_plan(free, sizes, base_model.default_size, batch_size, memory_plan)
        if self.fp8 and self.plan.stream_unet is not None:
            raise no_room_for_fp8()
        self.batch_size = self.plan.batch_size
        _log.info("%.1f GiB free: %s", free / 2**30, self.plan.describe())
        self.calls: Counter[str] = Counter()
        self._parts: dict[str, Any] = {}
        self._merged: MergedLora | None = None
        self._merged_from: tuple[Path, int, float] | None = None
        self._store = EmbeddingStore(base_model, self.device, self.dtype)
        self._embeddings: dict[str, TextEmbeddings] = {}

    def draw(
        self, requests: Sequence[DrawRequest], lora: Path | None = None
    ) -> Iterator[DrawnPanel | FailedPanel]:
        """Yield a picture for each request, in order of size and recipe, as each batch is done.

        `lora` is put on at each request's own weight. A request that comes out as NaN, or that PyTorch
        cannot compute, yields a FailedPanel and takes no other with it. Raises UserError for a LoRA of
        another model.
        """
        self._encode(requests)
        batches = self._draw_latents(requests, lora)
        if not self.plan.resident:
            batches = iter(list(batches))
            self._let_go("unet")
        for batch in batches:
            for row, request in enumerate(batch.requests):
                yield self._decode(request, batch, row)
        if not self.plan.resident:
            self._let_go("vae")

    def _decode(self, request: DrawRequest, batch: "_Batch", row: int) -> DrawnPanel | FailedPanel:
        if batch.latents is None:
            return FailedPanel(request.number, batch.problem)
        started = time.perf_counter()
        latents = batch.latents[row : row + 1]
        if not latents.isfinite().all():
            return FailedPanel(request.number, "its latents are not finite (NaN or infinite)")
        try:
            vae = self._part("vae", partial(loading.load_vae, on_cpu=self.plan.vae_on_cpu))
            loaded = time.perf_counter()
            with PeakMemory(self.device) as memory:
                image = Image.fromarray(vae.decode(latents)[0])
        except (RuntimeError, FloatingPointError) as error:
            return FailedPanel(request.number, _in_one_line(error))
        self.calls["vae"] += 1
        done, together = time.perf_counter(), len(batch.requests)
        return DrawnPanel(
            number=request.number,
            image=image,
            seconds=round(batch.seconds / together + done - started, 3),
            batch_size=together,
            milliseconds_per_step=1000 * batch.sampling_seconds / request.steps,
            images_per_second=1 / (batch.sampling_seconds / together + done - loaded),
            peak_memory_mib=round(max(batch.peak, memory.bytes) / 2**20, 1),
        )

    def _encode(self, requests: Sequence[DrawRequest]) -> None:
        """Bring the embeddings of all texts into memory; only new texts take the encoder."""
        texts = (text for request in requests for text in _texts(request) if text not in self._embeddings)
        embeddings, new = self._store.embed(texts, self._load_text_encoder)
        self._embeddings |= embeddings
        self.calls["text_encoder"] += new

    def _load_text_encoder(self) -> TextEncoder:
        self._let_go("unet")
        encoder = loading.load_text_encoder(
            self.base_model.folder, self.device, self.dtype, stream=self.plan.stream_text_encoder
        )
        self.calls["loads"] += 1
        return encoder

    def _draw_latents(self, requests: Sequence[DrawRequest], lora: Path | None) -> Iterator["_Batch"]:
        schedule = loading.load_noise_schedule(self.base_model.folder)
        for _, group in itertools.groupby(sorted(requests, key=_recipe), key=_recipe):
            waiting = list(group)
            while waiting:
                size = self.batch_size
                yield from self._draw_batch(waiting[:size], schedule, lora)
                del waiting[:size]

    def _draw_batch(
        self, batch: Sequence[DrawRequest], schedule: NoiseSchedule, lora: Path | None
    ) -> Iterator["_Batch"]:
        """Yield the batch, in smaller ones if it cannot be computed together, to keep the healthy panels."""
        started = time.perf_counter()
        first = batch[0]
        try:
            unet = self._part("unet", partial(loading.load_unet, stream=self.plan.stream_unet))
            self._merge(unet, lora, first.lora_weight)
            loaded = time.perf_counter()
            layers = fp8_layers(unet) if self.fp8 else nullcontext()
            with PeakMemory(self.device) as memory, layers:
                latents = sample_latents(
                    unet,
                    schedule,
                    join_embeddings([self._embeddings[request.prompt] for request in batch]),
                    join_embeddings([self._embeddings[request.negative_prompt] for request in batch]),
                    [request.seed for request in batch],
                    width=first.width,
                    height=first.height,
                    steps=first.steps,
                    guidance_scale=first.guidance_scale,
                    early_guidance_scale=first.early_guidance_scale,
                    on_step=lambda _: self.calls.update(unet=1),
                )
                wait_for(self.device)
        except torch.OutOfMemoryError:
            smaller = 0  # decided once the error is gone, and what it holds in memory
        except RuntimeError as error:
            problem = _in_one_line(error)
            if len(batch) == 1:
                yield _Batch(batch, None, 0.0, 0.0, 0, problem)
                return
            _log.warning("%d panels together: %s; drawing them one by one", len(batch), problem)
            smaller = 1
        else:
            done = time.perf_counter()
            yield _Batch(batch, latents, done - started, done - loaded, memory.bytes)
            return
        smaller = smaller or self._halve_batch(len(batch))
        for start in range(0, len(batch), smaller):
            yield from self._draw_batch(batch[start : start + smaller], schedule, lora)

    def _merge(self, unet: KolorsUNet, lora: Path | None, weight: float) -> None:
        """Leave just this LoRA in the UNet's weights."""
        wanted = (lora, lora.stat().st_mtime_ns, weight) if lora is not None and weight else None
        if wanted == self._merged_from:
            return
        if self._merged is not None:
            self._merged.take_out()
        self._merged = self._merged_from = None
        if wanted is not None:
            self._merged = MergedLora(unet, wanted[0], weight)
            self._merged_from = wanted

    def _halve_batch(self, tried: int) -> int:
        """Return how many pictures at a time to go on with; raises UserError if it was one already."""
        unet = self._parts.get("unet")
        if tried == 1 and unet is not None and stream_linear_layers(unet, self.device, self.dtype):
            _log.warning("out of memory with one picture; the UNet's layers now come from the CPU's memory")
            return 1
        if tried == 1:
            raise UserError(
                f"{self.device}: not enough memory for one picture",
                "draw smaller pictures (sampling.width and height of the story), or close what else uses it",
            )
        self.batch_size = tried // 2
        _log.warning("out of memory with %d pictures at a time; going on with %d", tried, self.batch_size)
        release_memory(self.device)
        return self.batch_size

    def _part(self, name: str, load: Callable[[Path, torch.device, torch.dtype], Any]) -> Any:
        if name not in self._parts:
            self._parts[name] = load(self.base_model.folder, self.device, self.dtype)
            self.calls["loads"] += 1
        return self._parts[name]

    def _let_go(self, name: str) -> None:
        if name == "unet":
            self._merged = self._merged_from = None  # it goes with the weights it is in
        self._parts.pop(name, None)
        release_memory(self.device)


@dataclass(frozen=True)
class _Batch:
    """Requests drawn together: latents (n, 4, h / 8, w / 8) or the problem, times, peak memory in bytes."""

    requests: Sequence[DrawRequest]
    latents: Tensor | None
    seconds: float
    sampling_seconds: float
    """Of these seconds, those of the denoising alone."""
    peak: int
    problem: str = ""


def _in_one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else 'no message'}"


def _texts(request: DrawRequest) -> tuple[str, ...]:
    return (request.prompt, request.negative_prompt)


def _recipe(request: DrawRequest) -> tuple[float, ...]:
    early = request.early_guidance_scale or request.guidance_scale
    size = (request.width, request.height)
    return (*size, request.steps, request.guidance_scale, early, request.lora_weight)
