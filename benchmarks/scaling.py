"""Train the same LoRA on one GPU and on more, with the same batch at every step: how fast, how different.

    python -m benchmarks.scaling --work /scratch/scaling --devices 1 2

Full-size UNet and training cache are random: 5 GB of disk, and 30 GiB on each GPU with four images at a time.
`--cpu` goes through the same with kolors-mini and processes. Prints one JSON line per measurement; times are
without the first step.
"""

import argparse
import json
import os
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks.full_size_model import UNET, write_full_size_unet
from benchmarks.mini_model import make_model, report
from kolors_dagster.files import write_json
from kolors_dagster.hashing import hash_json
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.cache_format import CACHE_FORMAT
from kolors_dagster.kolors.cached_samples import latents_file, text_file
from kolors_dagster.kolors.device import choose_device, count_devices
from kolors_dagster.kolors.prior_preservation import UNPROMPTED
from kolors_dagster.kolors.request import MAX_TOKENS
from kolors_dagster.kolors.text_padding import count_needed
from kolors_dagster.kolors.training import train_lora
from kolors_dagster.specs import TrainingRecipe

IMAGES = 16
_WORDS = 40  # tokens of a caption, the rest is padding


def make_full_size_model(folder: Path) -> BaseModel:
    """Write a random full-size UNet, and describe it as a base model without a look at its 5 GB."""
    if not (folder / "scheduler").exists():
        write_full_size_unet(folder)
    return BaseModel("random", folder, {}, {}, hash_json(UNET), default_size=1024, default_steps=50)


def write_random_cache(folder: Path, model: BaseModel, resolution: int) -> None:
    """Write a training cache of latents and embeddings that no image or text was encoded to."""
    unet = json.loads((model.folder / "unet" / "config.json").read_text(encoding="utf-8"))
    width = unet["encoder_hid_dim"]
    pooled_width = unet["projection_class_embeddings_input_dim"] - 6 * unet["addition_time_embed_dim"]
    generator = torch.Generator().manual_seed(0)

    captions = [f"第{number}张" for number in range(IMAGES)]
    known = [*captions, *UNPROMPTED]

    def draw(*shape: int) -> Tensor:
        return torch.randn((len(known), *shape), generator=generator)

    side = resolution // 8
    latents = {"mean": draw(4, side, side), "std": 0.1 * draw(4, side, side).abs()}
    padding = draw(1, width).expand(-1, MAX_TOKENS - _WORDS, -1)
    hidden_states = torch.cat([padding, draw(_WORDS, width)], dim=1).half()
    texts = {
        "hidden_states": hidden_states,
        "pooled": draw(pooled_width).half(),
        "tokens": torch.tensor([count_needed(row[None]) for row in hidden_states]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(latents, folder / latents_file(0))
    save_file(texts, folder / text_file(0))
    index = {
        "data_version": hash_json([model.version, resolution]),
        "dataset_version": "random",
        "arithmetic": {
            "format": CACHE_FORMAT,
            "base_model": model.version,
            "resolution": resolution,
            "crop": "center",
        },
        "texts": known,
        "images": [
            {"text": caption, "size": [resolution, resolution], "shard": latents_file(0), "row": row}
            for row, caption in enumerate(captions)
        ],
    }
    write_json(folder / "index.json", index)


def difference(one: Path, other: Path, part: str) -> float:
    """Return the norm of the difference over the norm, of the matrices with `part` in their names."""
    first, second = (
        torch.cat([tensor.flatten() for name, tensor in sorted(load_file(file).items()) if part in name])
        for file in (one, other)
    )
    return float((first - second).norm() / first.norm())


def main() -> None:
    """Train on each number of devices and compare with the first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("scaling_work"))
    parser.add_argument("--cpu", action="store_true", help="kolors-mini, as many processes for GPUs")
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=4, help="images in a GPU's memory at a time")
    parser.add_argument(
        "--accumulation", type=int, default=2, help="how many such batches a step learns from"
    )
    parser.add_argument("--resolution", type=int, help="pixels; the model's own, and 64 with --cpu")
    parser.add_argument("--recipe", type=json.loads, default={}, help="JSON: another recipe's fields")
    arguments = parser.parse_args()
    os.environ.setdefault("KOLORS_DATA", str(arguments.work / "data"))
    device = choose_device("cpu" if arguments.cpu else "cuda")
    model = make_model(arguments.work) if arguments.cpu else make_full_size_model(arguments.work / "kolors")
    resolution = arguments.resolution or (64 if arguments.cpu else model.default_size)
    recipe = TrainingRecipe(
        steps=arguments.steps,
        batch_size=arguments.batch_size,
        gradient_accumulation=arguments.accumulation,
        resolution=resolution,
        checkpoint_every=arguments.steps,
    ).model_copy(update=arguments.recipe)
    cache = arguments.work / "cache"
    write_random_cache(cache, model, resolution)
    speeds, files = [], []
    for devices in arguments.devices:
        output = arguments.work / f"lora-{devices}"
        told = train_lora(
            cache,
            model,
            recipe,
            output,
            output / "checkpoints",
            {},
            device,
            devices=count_devices(device, devices),
        )
        speeds.append(told.images_per_second)
        files.append(output / "lora.safetensors")
        report(
            "training",
            devices=told.devices,
            images_a_step=recipe.batch_size * recipe.gradient_accumulation,
            images_per_second=round(told.images_per_second, 2),
            times_the_first=round(told.images_per_second / speeds[0], 3),
            milliseconds_per_step=round(1000 * told.seconds_per_step, 1),
            seconds=round(told.seconds, 1),
            peak_gib=round(told.peak_memory_bytes / 2**30, 1),
            first_loss=told.first_loss,
            last_loss=told.last_loss,
            learnt_differs_by=difference(files[0], files[-1], "lora_B"),
            lora_differs_by=difference(files[0], files[-1], "lora"),
        )


if __name__ == "__main__":
    main()
