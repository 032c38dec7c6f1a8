"""kolors-mini, the base model that ships with the project: Kolors' architecture and layout, small."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from kolors_dagster.files import write_whole_folder
from kolors_dagster.kolors.chatglm import ChatGLMConfig, ChatGLMModel, rotary_frequencies
from kolors_dagster.kolors.diffsynth import StableDiffusionVAE
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster.mini import config


def build_mini(output: Path, seed: int | None = None) -> None:
    """Write kolors-mini to the folder `output`, in the `Kolors-diffusers` layout, weights in fp16.

    The weights are the trained ones that ship with the package. With a `seed` they are random, drawn from it
    alone. Either way the same arguments give the same bytes.
    """
    generator = None if seed is None else torch.Generator("cpu").manual_seed(seed)
    with write_whole_folder(output) as folder, torch.device("meta"):
        text_encoder = ChatGLMModel(ChatGLMConfig(**config.TEXT_ENCODER), empty_init=False)
        vae_config = {key: value for key, value in config.VAE.items() if not key.startswith("_")}
        parts = (
            ("text_encoder", "model", config.TEXT_ENCODER, text_encoder),
            ("unet", "diffusion_pytorch_model", config.UNET, KolorsUNet(config.UNET)),
            ("vae", "diffusion_pytorch_model", config.VAE, StableDiffusionVAE(**vae_config)),
        )
        for name, stem, part_config, model in parts:
            _write_json(folder / name / "config.json", part_config)
            weights = random_weights(model, generator) if generator else trained_weights(name, model)
            saved = save(weights, metadata={"format": "pt"})
            (folder / name / f"{stem}.safetensors").write_bytes(saved)
        _write_json(folder / "scheduler" / "scheduler_config.json", config.SCHEDULER)
        _write_json(folder / "tokenizer" / "tokenizer_config.json", config.TOKENIZER)
        shutil.copyfile(config.TOKENIZER_MODEL, folder / "tokenizer" / "tokenizer.model")
        _write_json(folder / "model_index.json", config.MODEL_INDEX)
        (folder / config.RECIPE_FILE).write_text(config.mini_recipe(seed) + "\n")


def trained_weights(part: str, model: nn.Module) -> dict[str, Tensor]:
    """Return the shipped fp16 weights of `text_encoder`, `unet` or `vae`, with what does not ship added."""
    shipped = load_file(config.WEIGHTS / f"{part}.safetensors")
    return {
        name: shipped[name] if name in shipped else _not_shipped(name, like, model)
        for name, like in model.state_dict().items()
    }


def random_weights(model: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """Return fp16 weights for `model` (which may lie on the meta device), every value from `generator`.

    Norms start at one, biases at zero, matrices and kernels at a variance that keeps that of their input.
    """
    weights = {}
    for name, like in model.state_dict().items():
        if name.endswith("inv_freq") or name == "output_layer.weight":
            weights[name] = _not_shipped(name, like, model)
        elif like.ndim == 1:
            fill = 1.0 if name.endswith("weight") else 0.0
            weights[name] = torch.full(like.shape, fill, dtype=torch.float16, device="cpu")
        else:
            scale = 1.0 if "embedding" in name else 1 / math.sqrt(like[0].numel())
            noise = torch.randn(like.shape, generator=generator, device=generator.device)
            weights[name] = (noise * scale).to(torch.float16).cpu()
    return weights


def _not_shipped(name: str, like: Tensor, model: nn.Module) -> Tensor:
    """Return a table of constants, or the language model's head: in the layout, used by nothing."""
    if name.endswith("inv_freq"):
        return rotary_frequencies(model.config).to(torch.float16)
    return torch.zeros(like.shape, dtype=torch.float16, device="cpu")


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
