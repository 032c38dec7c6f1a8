"""All of Kolors in one object that draws pictures: plain requests in, pictures out."""

import gc
import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
from PIL import Image
from torch import Tensor

from kolors_dagster.errors import UserError
from kolors_dagster.kolors import loading
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.device import choose_device, choose_dtype, make_repeatable
from kolors_dagster.kolors.embedding_store import EmbeddingStore
from kolors_dagster.kolors.merged_lora import MergedLora
from kolors_dagster.kolors.peak_memory import PeakMemory
from kolors_dagster.kolors.request import MAX_TOKENS, DrawnPanel, DrawRequest
from kolors_dagster.kolors.sampling import sample_latents
from kolors_dagster.kolors.text import TextEmbeddings, join_embeddings
from kolors_dagster.kolors.unet import KolorsUNet

MEMORY_PLANS = ("auto", "resident", "sequential")
_ROOM_TO_WORK = 1.5  # free memory, as a multiple of the weights, that `auto` wants before it keeps them all
_log = logging.getLogger(__name__)


class KolorsBundle:
    """Tokenizer, ChatGLM3, UNet, VAE and scheduler of one base model, each loaded when first needed.

    `resident` keeps UNet and VAE in memory; `sequential` holds one at a time: all latents are drawn, then all
    decoded; `auto` is `resident` where there is room. The text encoder, the largest part, is loaded for texts
    that were never encoded before, and never beside the UNet. `calls` counts what was computed:
    `text_encoder` and `vae` by text and picture, `unet` by forward pass, `loads` by part.
    """

    def __init__(
        self,
        base_model: BaseModel,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 8,
        memory_plan: str = "auto",
    ) -> None:
        if memory_plan not in MEMORY_PLANS:
            raise UserError(f"memory plan {memory_plan!r} is not known", f"write {', '.join(MEMORY_PLANS)}")
        make_repeatable()
        self.base_model = base_model
        self.device = choose_device(device)
        self.dtype = choose_dtype(self.device, dtype)
        self.batch_size = batch_size
        self.memory_plan = self._choose_plan() if memory_plan == "auto" else memory_plan
        self.calls: Counter[str] = Counter()
        self._parts: dict[str, Any] = {}
        self._merged: MergedLora | None = None
        self._merged_from: tuple[Path, int, float] | None = None
        self._store = EmbeddingStore(base_model, self.device, self.dtype)
        self._embeddings: dict[str, TextEmbeddings] = {}

    def draw(self, requests: Sequence[DrawRequest], lora: Path | None = None) -> Iterator[DrawnPanel]:
        """Yield a picture for each request, in order of size and recipe, as each batch is done.

        `lora` is put on at each request's own weight. Raises UserError for a LoRA of another model.
        """
        self._encode(requests)
        batches = self._draw_latents(requests, lora)
        if self.memory_plan == "sequential":
            batches = iter(list(batches))
            self._let_go("unet")
        for batch, latents, seconds, peak in batches:
            for request, row in zip(batch, latents, strict=True):
                started = time.perf_counter()
                with PeakMemory(self.device) as memory:
                    image = Image.fromarray(self._part("vae", loading.load_vae).decode(row[None])[0])
                self.calls["vae"] += 1
                yield DrawnPanel(
                    number=request.number,
                    image=image,
                    seconds=round(seconds / len(batch) + time.perf_counter() - started, 3),
                    peak_memory_mib=round(max(peak, memory.bytes) / 2**20, 1),
                )
        if self.memory_plan == "sequential":
            self._let_go("vae")

    def _encode(self, requests: Sequence[DrawRequest]) -> None:
        """Bring the embeddings of all texts into memory; only new texts take the encoder."""
        for text in dict.fromkeys(text for request in requests for text in _texts(request)):
            if text not in self._embeddings and (found := self._store.find(text)) is not None:
                self._embeddings[text] = found
        texts = [text for request in requests for text in _texts(request)]
        new = [text for text in dict.fromkeys(texts) if text not in self._embeddings]
        if not new:
            return
        self._let_go("unet")
        encoder = self._part("text_encoder", loading.load_text_encoder)
        for text in new:
            if encoder.count_tokens(text) > MAX_TOKENS:
                _log.warning("longer than %d tokens, the end is cut off: %s", MAX_TOKENS, text)
        rows = encoder.encode(new)
        self.calls["text_encoder"] += len(new)
        for row, text in enumerate(new):
            self._embeddings[text] = rows[row : row + 1]
            self._store.put(text, self._embeddings[text])
        del encoder
        self._let_go("text_encoder")

    def _draw_latents(
        self, requests: Sequence[DrawRequest], lora: Path | None
    ) -> Iterator[tuple[Sequence[DrawRequest], Tensor, float, int]]:
        """Yield each batch with its latents (n, 4, h / 8, w / 8), its seconds and peak memory in bytes."""
        schedule = loading.load_noise_schedule(self.base_model.folder)
        for recipe, group in itertools.groupby(sorted(requests, key=_recipe), key=_recipe):
            waiting = list(group)
            while waiting:
                batch = waiting[: self.batch_size]
                started = time.perf_counter()
                width, height, steps, guidance_scale, lora_weight = recipe
                unet = self._part("unet", loading.load_unet)
                self._merge(unet, lora, lora_weight)
                try:
                    with PeakMemory(self.device) as memory:
                        latents = sample_latents(
                            unet,
                            schedule,
                            join_embeddings([self._embeddings[request.prompt] for request in batch]),
                            join_embeddings([self._embeddings[request.negative_prompt] for request in batch]),
                            [request.seed for request in batch],
                            width=width,
                            height=height,
                            steps=steps,
                            guidance_scale=guidance_scale,
                            on_step=lambda _: self.calls.update(unet=1),
                        )
                except torch.OutOfMemoryError:
                    self._halve_batch(len(batch))
                    continue
                del waiting[: len(batch)]
                yield batch, latents, time.perf_counter() - started, memory.bytes

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

    def _halve_batch(self, tried: int) -> None:
        """Go on with fewer pictures at a time, from here on; raises UserError if it was one already."""
        if tried == 1:
            raise UserError(
                f"{self.device}: not enough memory for one picture",
                "draw smaller pictures (sampling.width and height of the story), or close what else uses it",
            )
        self.batch_size = tried // 2
        _log.warning("out of memory with %d pictures at a time; going on with %d", tried, self.batch_size)
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _part(self, name: str, load: Callable[[Path, torch.device, torch.dtype], Any]) -> Any:
        if name not in self._parts:
            self._parts[name] = load(self.base_model.folder, self.device, self.dtype)
            self.calls["loads"] += 1
        return self._parts[name]

    def _let_go(self, name: str) -> None:
        if name == "unet":
            self._merged = self._merged_from = None  # it goes with the weights it is in
        self._parts.pop(name, None)
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()

    def _choose_plan(self) -> str:
        sizes = self.base_model.sizes.items()
        shipped = sum(size for name, size in sizes if not name.startswith("text_encoder/"))
        weights = shipped * self.dtype.itemsize / torch.float16.itemsize
        if self.device.type == "cuda":
            free = torch.cuda.mem_get_info(self.device)[0]
        else:
            free = psutil.virtual_memory().available
        return "resident" if free > weights * _ROOM_TO_WORK else "sequential"


def _texts(request: DrawRequest) -> tuple[str, ...]:
    return (request.prompt, request.negative_prompt)


def _recipe(request: DrawRequest) -> tuple[int, int, int, float, float]:
    return (request.width, request.height, request.steps, request.guidance_scale, request.lora_weight)
