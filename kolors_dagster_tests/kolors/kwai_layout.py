"""A model rewritten in the `Kwai-Kolors/Kolors` layout: what ModelScope serves."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file


def write_kwai_layout(diffusers_layout: Path, folder: Path, shards: int = 3) -> None:
    """Write ChatGLM in `.bin` shards, names under `transformer.`, its tokenizer beside it, the rest fp16."""
    shutil.copytree(
        diffusers_layout, folder, ignore=shutil.ignore_patterns("*.safetensors", "tokenizer*", ".*")
    )
    for part in ("unet", "vae"):
        name = "diffusion_pytorch_model"
        source = diffusers_layout / part / f"{name}.safetensors"
        shutil.copyfile(source, folder / part / f"{name}.fp16.safetensors")
    encoder = folder / "text_encoder"
    shutil.copyfile(diffusers_layout / "tokenizer" / "tokenizer.model", encoder / "tokenizer.model")
    weights = load_file(diffusers_layout / "text_encoder" / "model.safetensors")
    names, weight_map = list(weights), {}
    for number in range(shards):
        file = f"pytorch_model-{number + 1:05}-of-{shards:05}.bin"
        shard = {f"transformer.{name}": weights[name].clone() for name in names[number::shards]}
        torch.save(shard, encoder / file)
        weight_map |= dict.fromkeys(shard, file)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (encoder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    (encoder / "modeling_chatglm.py").write_text("raise SystemExit('code from a model folder was run')")
