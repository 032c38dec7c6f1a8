"""Turn training images into what training reads: VAE latents and text embeddings, so no encoder is needed."""

import shutil
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from kolors_dagster.errors import UserError
from kolors_dagster.files import read_json, write_json, write_whole_folder
from kolors_dagster.hashing import hash_file, hash_json, hash_training_set
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.buckets import Size, choose_sizes
from kolors_dagster.kolors.cache_format import CACHE_FORMAT
from kolors_dagster.kolors.cache_shards import Encode, Rows, encode_shards
from kolors_dagster.kolors.cached_samples import (
    SHARD_ROWS,
    is_whole_cache,
    latents_file,
    text_file,
)
from kolors_dagster.kolors.device_memory import free_memory, limit_memory, release_memory
from kolors_dagster.kolors.loading import load_text_encoder, load_vae
from kolors_dagster.kolors.memory_plan import MemoryPlan, PartSizes, choose_memory_plan
from kolors_dagster.kolors.peak_memory import PeakMemory
from kolors_dagster.kolors.prior_preservation import UNPROMPTED
from kolors_dagster.kolors.text_padding import count_needed
from kolors_dagster.kolors.training_images import TrainingImage, read_cropped, read_training_images
from kolors_dagster.kolors.training_precision import choose_training_dtype
from kolors_dagster.kolors.training_record import CacheReport
from kolors_dagster.specs import TrainingRecipe

# Of a GPU; a CPU has enough to do with one.
_IMAGES_AT_A_TIME = 4


def build_training_cache(
    dataset: Path,
    base_model: BaseModel,
    recipe: TrainingRecipe,
    output: Path,
    device: torch.device,
    memory_gib: float | None = None,
) -> CacheReport:
    """Encode every image and every distinct caption of `dataset` once, and `UNPROMPTED`, into `output`.

    An `output` that already holds just that is left as it is: a recipe's other fields change nothing here.

    The VAE and ChatGLM3 are in memory one after the other. A shard's images are of one shape, and the VAE,
    in fp32, takes several at once on a GPU, where that moves a latent by no more than rounding. Captions are
    encoded one by one: in half precision their neighbours would show, and a style has few distinct ones.
    Where a GPU, or the `memory_gib` of it that may be used, is too small, captions go through ChatGLM3 layer
    by layer, and the VAE computes on the CPU: latents then differ by rounding. Finished shards wait beside
    `output` in `.NAME.work`; a killed run goes on from them. Raises UserError for a data set or an image that
    cannot be used.
    """
    start = time.perf_counter()
    images = read_training_images(dataset)
    captions = list(dict.fromkeys(image.text for image in images))
    texts = list(dict.fromkeys([*captions, *UNPROMPTED]))
    filled = base_model.fill_recipe(recipe)
    sizes = choose_sizes([image.size for image in images], filled)
    dtype = choose_training_dtype(device, recipe.precision)
    dataset_version = hash_training_set((image.file_name, image.sha256, image.text) for image in images)
    arithmetic = {
        "format": CACHE_FORMAT,
        "base_model": base_model.version,
        "resolution": filled.resolution,
        "crop": filled.crop,
        "precision": str(dtype).removeprefix("torch."),
    }
    data_version = hash_json([arithmetic, dataset_version])
    work = output.with_name(f".{output.name}.work")
    image_shards, text_shards = _cut_by_size(sizes), _cut(range(len(texts)))
    limit_memory(device, memory_gib)
    parts = PartSizes.of(base_model.sizes, dtype.itemsize)
    plan = choose_memory_plan(free_memory(device), parts, filled.resolution, requested="sequential")
    load_images = partial(_load_image_encoder, base_model.folder, images, sizes, device, plan)
    load_texts = partial(_load_text_encoder, base_model.folder, texts, device, dtype, plan)

    def report(reused_shards: int, images_per_second: float | None, peak_bytes: int) -> CacheReport:
        return CacheReport(
            data_version=data_version,
            dataset_version=dataset_version,
            images=len(images),
            captions=len(captions),
            resolution=filled.resolution,
            sizes=dict(sorted(Counter(sizes).items())),
            enlarged=tuple(
                image.file_name
                for image, (width, height) in zip(images, sizes, strict=True)
                if image.size[0] < width or image.size[1] < height
            ),
            reused_shards=reused_shards,
            size_bytes=sum(file.stat().st_size for file in output.iterdir()),
            seconds=time.perf_counter() - start,
            images_per_second=images_per_second,
            peak_memory_bytes=peak_bytes,
        )

    if is_whole_cache(output, data_version):
        return report(len(list(output.glob("*.safetensors"))), images_per_second=None, peak_bytes=0)
    at_a_time = _IMAGES_AT_A_TIME if device.type == "cuda" else 1
    with PeakMemory(device) as peak:
        image_keys = [hash_json([arithmetic, image.sha256]) for image in images]
        text_keys = [hash_json([arithmetic, text]) for text in texts]
        latents, reused_latents, rate = encode_shards(
            "image", image_keys, image_shards, load_images, at_a_time, work, device
        )
        release_memory(device)
        embeddings, reused_texts, _ = encode_shards(
            "caption", text_keys, text_shards, load_texts, 1, work, device
        )
        release_memory(device)
    place = {
        image: {"shard": latents_file(number), "row": row}
        for number, shard in enumerate(image_shards)
        for row, image in enumerate(shard)
    }
    manifest = dataset / "manifest.json"
    index = {
        # Where the images came from: it goes with the LoRA, whatever becomes of `dataset`.
        "dataset": read_json(manifest) if manifest.is_file() else None,
        "data_version": data_version,
        "dataset_version": dataset_version,
        "base_model_name": base_model.name,
        "arithmetic": arithmetic,
        "texts": texts,
        "images": [
            {"file_name": image.file_name, "text": image.text, "size": sizes[number], **place[number]}
            for number, image in enumerate(images)
        ],
    }
    with write_whole_folder(output) as folder:
        for number, shard in enumerate(latents):
            shutil.copyfile(shard, folder / latents_file(number))
        for number, shard in enumerate(embeddings):
            shutil.copyfile(shard, folder / text_file(number))
        hashes = {file.name: hash_file(file) for file in sorted(folder.iterdir())}
        write_json(folder / "index.json", index | {"files": hashes})
    shutil.rmtree(work)
    return report(reused_latents + reused_texts, rate, peak.bytes)


def _cut_by_size(sizes: Sequence[Size]) -> list[Sequence[int]]:
    """Return the numbers of the images of each shard, which are all of one size."""
    of_size: dict[Size, list[int]] = {}
    for number, size in enumerate(sizes):
        of_size.setdefault(size, []).append(number)
    return [shard for numbers in of_size.values() for shard in _cut(numbers)]


def _cut(numbers: Sequence[int]) -> list[Sequence[int]]:
    return [numbers[at : at + SHARD_ROWS] for at in range(0, len(numbers), SHARD_ROWS)]


def _load_image_encoder(
    folder: Path,
    images: Sequence[TrainingImage],
    sizes: Sequence[Size],
    device: torch.device,
    plan: MemoryPlan,
) -> Encode:
    vae = load_vae(folder, device, torch.float32, on_cpu=plan.vae_on_cpu)

    def encode(numbers: Sequence[int]) -> Rows:
        pixels = torch.stack([read_cropped(images[number].path, *sizes[number]) for number in numbers])
        mean, std = vae.encode_mean_std(pixels)
        finite = (mean.isfinite() & std.isfinite()).flatten(1).all(dim=1).tolist()
        if not all(finite):
            raise UserError(
                f"{images[numbers[finite.index(False)]].path}: the VAE makes no finite latents of it",
                "check the base model's vae folder, or remove the image",
            )
        return {"mean": mean, "std": std}

    return encode


def _load_text_encoder(
    folder: Path, texts: Sequence[str], device: torch.device, dtype: torch.dtype, plan: MemoryPlan
) -> Encode:
    encoder = load_text_encoder(folder, device, dtype, stream=plan.stream_text_encoder)

    def encode(numbers: Sequence[int]) -> Rows:
        embeddings = encoder.encode([texts[number] for number in numbers])
        needed = [count_needed(row[None]) for row in embeddings.hidden_states]
        return {
            "hidden_states": embeddings.hidden_states,
            "pooled": embeddings.pooled,
            "tokens": torch.tensor(needed),
        }

    return encode
