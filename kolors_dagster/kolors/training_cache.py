"""Turn training images into what training reads: VAE latents and text embeddings, so no encoder is needed."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from kolors_dagster.errors import UserError
from kolors_dagster.files import read_json, write_json, write_whole_file, write_whole_folder
from kolors_dagster.hashing import hash_file, hash_json, hash_training_set
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.cached_samples import (
    CACHE_FORMAT,
    SHARD_ROWS,
    is_whole_cache,
    latents_file,
    text_file,
)
from kolors_dagster.kolors.device import free_memory
from kolors_dagster.kolors.loading import load_text_encoder, load_vae
from kolors_dagster.kolors.peak_memory import PeakMemory
from kolors_dagster.kolors.training_images import TrainingImage, read_square, read_training_images
from kolors_dagster.kolors.training_precision import choose_training_dtype
from kolors_dagster.kolors.training_record import CacheReport
from kolors_dagster.specs import TrainingRecipe

Row = dict[str, Tensor]
Encode = Callable[[int], Row]


def build_training_cache(
    dataset: Path, base_model: BaseModel, recipe: TrainingRecipe, output: Path, device: torch.device
) -> CacheReport:
    """Encode every image and every distinct caption of `dataset` once, into the folder `output`.

    An `output` that already holds just that is left as it is: a recipe's other fields change nothing here.

    The VAE and ChatGLM3 are in memory one after the other, and each item is encoded alone, so that it comes
    out the same whatever else is in the data set. Finished shards wait beside `output` in `.NAME.work`; a
    killed run goes on from them. Raises UserError for a data set or an image that cannot be used.
    """
    start = time.perf_counter()
    images = read_training_images(dataset)
    captions = list(dict.fromkeys(image.text for image in images))
    resolution = base_model.fill_recipe(recipe).resolution
    dtype = choose_training_dtype(device, recipe.precision)
    dataset_version = hash_training_set((image.file_name, image.sha256, image.text) for image in images)
    arithmetic = {
        "format": CACHE_FORMAT,
        "base_model": base_model.version,
        "resolution": resolution,
        "crop": recipe.crop,
        "precision": str(dtype).removeprefix("torch."),
    }
    data_version = hash_json([arithmetic, dataset_version])
    work = output.with_name(f".{output.name}.work")
    load_images = partial(_load_image_encoder, base_model.folder, images, resolution, device)
    load_captions = partial(_load_caption_encoder, base_model.folder, captions, device, dtype)

    def report(reused_shards: int, images_per_second: float | None, peak_bytes: int) -> CacheReport:
        return CacheReport(
            data_version=data_version,
            dataset_version=dataset_version,
            images=len(images),
            captions=len(captions),
            resolution=resolution,
            enlarged=tuple(image.file_name for image in images if image.shorter_side < resolution),
            reused_shards=reused_shards,
            size_bytes=sum(file.stat().st_size for file in output.iterdir()),
            seconds=time.perf_counter() - start,
            images_per_second=images_per_second,
            peak_memory_bytes=peak_bytes,
        )

    if is_whole_cache(output, data_version):
        return report(len(list(output.glob("*.safetensors"))), images_per_second=None, peak_bytes=0)
    with PeakMemory(device) as peak:
        image_keys = [hash_json([arithmetic, image.sha256]) for image in images]
        caption_keys = [hash_json([arithmetic, caption]) for caption in captions]
        latents, reused_latents, rate = _encode_shards("images", image_keys, load_images, work)
        free_memory(device)
        texts, reused_texts, _ = _encode_shards("captions", caption_keys, load_captions, work)
        free_memory(device)
    manifest = dataset / "manifest.json"
    index = {
        # Where the images came from: it goes with the LoRA, whatever becomes of `dataset`.
        "dataset": read_json(manifest) if manifest.is_file() else None,
        "data_version": data_version,
        "dataset_version": dataset_version,
        "base_model_name": base_model.name,
        "arithmetic": arithmetic,
        "captions": captions,
        "images": [{"file_name": image.file_name, "text": image.text} for image in images],
    }
    with write_whole_folder(output) as folder:
        for number, shard in enumerate(latents):
            shutil.copyfile(shard, folder / latents_file(number))
        for number, shard in enumerate(texts):
            shutil.copyfile(shard, folder / text_file(number))
        hashes = {file.name: hash_file(file) for file in sorted(folder.iterdir())}
        write_json(folder / "index.json", index | {"files": hashes})
    shutil.rmtree(work)
    return report(reused_latents + reused_texts, rate, peak.bytes)


def _load_image_encoder(
    folder: Path, images: Sequence[TrainingImage], resolution: int, device: torch.device
) -> Encode:
    vae = load_vae(folder, device, torch.float32)

    def encode(number: int) -> Row:
        mean, std = vae.encode_mean_std(read_square(images[number].path, resolution)[None])
        if not (mean.isfinite().all() and std.isfinite().all()):
            raise UserError(
                f"{images[number].path}: the VAE makes no finite latents of it",
                "check the base model's vae folder, or remove the image",
            )
        return {"mean": mean[0], "std": std[0]}

    return encode


def _load_caption_encoder(
    folder: Path, captions: Sequence[str], device: torch.device, dtype: torch.dtype
) -> Encode:
    encoder = load_text_encoder(folder, device, dtype)

    def encode(number: int) -> Row:
        embeddings = encoder.encode([captions[number]])
        return {"hidden_states": embeddings.hidden_states[0], "pooled": embeddings.pooled[0]}

    return encode


def _encode_shards(
    unit: str, keys: list[str], load_encoder: Callable[[], Encode], work: Path
) -> tuple[list[Path], int, float | None]:
    """Write the rows of `keys` to shards in `work`; return them, how many were there, and rows a second.

    A shard is named by what its rows are made from, so one of other inputs is never taken for it. The
    encoder is loaded only if a shard is missing, and let go of on return.
    """
    blocks = [range(at, min(at + SHARD_ROWS, len(keys))) for at in range(0, len(keys), SHARD_ROWS)]
    shards = [work / f"{hash_json([unit, *(keys[i] for i in block)])}.safetensors" for block in blocks]
    missing = [(shard, block) for shard, block in zip(shards, blocks, strict=True) if not shard.is_file()]
    rate = None
    if missing:
        encode = load_encoder()
        start = time.perf_counter()
        done = len(keys) - sum(len(block) for _, block in missing)
        quiet = not sys.stderr.isatty()
        with tqdm(
            total=len(keys),
            initial=done,
            desc=f"encode {unit}",
            unit=unit[:-1],
            mininterval=10 if quiet else 0.5,
        ) as bar:
            for shard, block in missing:
                rows = []
                for number in block:
                    rows.append(encode(number))
                    bar.update()
                with write_whole_file(shard) as aside:
                    save_file(
                        {name: torch.stack([row[name] for row in rows]).cpu() for name in rows[0]}, aside
                    )
        rate = (len(keys) - done) / (time.perf_counter() - start)
    return shards, len(shards) - len(missing), rate
