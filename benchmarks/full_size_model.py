"""Kolors at full size with random weights, on disk as `Kwai-Kolors/Kolors` ships it: the same cost to run."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig, ChatGLMModel
from safetensors.torch import save_file

from kolors_dagster.kolors.diffsynth import StableDiffusionVAE
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster.mini import config
from kolors_dagster.mini.build import random_weights

# Kolors' own numbers, in place of kolors-mini's.
TEXT_ENCODER: dict[str, Any] = config.TEXT_ENCODER | {
    "ffn_hidden_size": 13696,
    "hidden_size": 4096,
    "kv_channels": 128,
    "num_attention_heads": 32,
    "num_layers": 28,
    "padded_vocab_size": 65024,
    "vocab_size": 65024,
}
UNET: dict[str, Any] = config.UNET | {
    "addition_time_embed_dim": 256,
    "attention_head_dim": [5, 10, 20],
    "block_out_channels": [320, 640, 1280],
    "cross_attention_dim": 2048,
    "encoder_hid_dim": 4096,
    "projection_class_embeddings_input_dim": 5632,
    "sample_size": 128,
    "transformer_layers_per_block": [1, 2, 10],
}
VAE: dict[str, Any] = config.VAE | {"block_out_channels": [128, 256, 512, 512], "sample_size": 1024}
_SHARDS = 7
# What `find_layout` looks for and training never opens.
_NOT_FOR_TRAINING = (
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "text_encoder/tokenizer.model",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
)


def write_full_size_model(folder: Path) -> None:
    """Write about 17 GB: ChatGLM in seven `.bin` shards, UNet and VAE in fp16 safetensors."""
    generator = _make_generator()
    with torch.device("meta"):
        text_encoder = ChatGLMModel(ChatGLMConfig(**TEXT_ENCODER), empty_init=False)
        unet = KolorsUNet(UNET)
        vae = StableDiffusionVAE(**{key: value for key, value in VAE.items() if not key.startswith("_")})
    _write_part(folder / "unet", UNET, random_weights(unet, generator))
    _write_part(folder / "vae", VAE, random_weights(vae, generator))
    _write_json(folder / "text_encoder" / "config.json", TEXT_ENCODER)
    _write_shards(folder / "text_encoder", random_weights(text_encoder, generator))
    _write_json(folder / "scheduler" / "scheduler_config.json", config.SCHEDULER)
    _write_json(folder / "text_encoder" / "tokenizer_config.json", config.TOKENIZER)
    shutil.copyfile(config.TOKENIZER_MODEL, folder / "text_encoder" / "tokenizer.model")


def write_full_size_unet(folder: Path) -> None:
    """Write about 5 GB: the UNet, all of the model that training reads; empty files stand for the rest."""
    with torch.device("meta"):
        unet = KolorsUNet(UNET)
    _write_part(folder / "unet", UNET, random_weights(unet, _make_generator()))
    for name in _NOT_FOR_TRAINING:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    _write_json(folder / "scheduler" / "scheduler_config.json", config.SCHEDULER)


def _make_generator() -> torch.Generator:
    return torch.Generator("cuda" if torch.cuda.is_available() else "cpu").manual_seed(0)


def _write_part(folder: Path, part_config: dict[str, Any], weights: dict[str, torch.Tensor]) -> None:
    _write_json(folder / "config.json", part_config)
    save_file(weights, folder / "diffusion_pytorch_model.fp16.safetensors", {"format": "pt"})


def _write_shards(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    names = list(weights)
    index: dict[str, str] = {}
    for number in range(_SHARDS):
        file = f"pytorch_model-{number + 1:05}-of-{_SHARDS:05}.bin"
        chosen = names[number::_SHARDS]
        torch.save({f"transformer.{name}": weights[name] for name in chosen}, folder / file)
        index |= {f"transformer.{name}": file for name in chosen}
    _write_json(folder / "pytorch_model.bin.index.json", {"metadata": {}, "weight_map": index})


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True), encoding="utf-8")
