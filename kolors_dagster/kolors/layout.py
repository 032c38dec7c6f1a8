"""Where each part of a Kolors model lies in its folder, for both ways it is published."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kolors_dagster.errors import UserError

FP16_FIX_FOLDER = "sdxl-vae-fp16-fix"
_MEND = "run the command again to download what is missing, or point the model at a complete folder"


@dataclass(frozen=True)
class Component:
    """One part of the model: its config and the files that together hold its weights."""

    config: Path
    weights: tuple[Path, ...]
    index: Path | None = None

    def files(self) -> Iterator[Path]:
        """Yield every file this part is read from."""
        yield self.config
        if self.index is not None:
            yield self.index
        yield from self.weights


@dataclass(frozen=True)
class Layout:
    """The files of one model folder; `fp16_fix` is the VAE that does not overflow in fp16, if present."""

    folder: Path
    tokenizer: Path
    text_encoder: Component
    unet: Component
    vae: Component
    fp16_fix: Component | None
    scheduler: Path
    model_index: Path | None

    def files(self) -> list[Path]:
        """Return every file the model is read from, sorted."""
        components = [self.text_encoder, self.unet, self.vae, *([self.fp16_fix] if self.fp16_fix else [])]
        files = {file for component in components for file in component.files()}
        files |= {self.tokenizer, self.scheduler, *([self.model_index] if self.model_index else [])}
        return sorted(files)


def find_layout(folder: Path) -> Layout:
    """Find every part of the model in `folder`.

    Knows the `Kwai-Kolors/Kolors` layout (text encoder in sharded `.bin`, tokenizer beside it) and the
    `Kolors-diffusers` one (safetensors), each with or without the `fp16` variant, which is preferred.
    Raises UserError with everything that is missing.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder", "give the folder that holds unet/, vae/ and text_encoder/"
        )
    missing: list[str] = []

    def need(*candidates: str) -> Path:
        for candidate in candidates:
            if (folder / candidate).is_file():
                return folder / candidate
        missing.append(" or ".join(candidates))
        return folder / candidates[0]

    def component(name: str, *stems: str) -> Component:
        index, weights = _find_weights(folder / name, stems)
        if not weights:
            missing.append(f"{name}/{stems[0]}.safetensors (or its shards)")
        missing.extend(f"{name}/{path.name}" for path in weights if not path.is_file())
        return Component(need(f"{name}/config.json"), weights, index)

    layout = Layout(
        folder=folder,
        tokenizer=need("tokenizer/tokenizer.model", "text_encoder/tokenizer.model"),
        text_encoder=component("text_encoder", "model", "pytorch_model"),
        unet=component("unet", "diffusion_pytorch_model"),
        vae=component("vae", "diffusion_pytorch_model"),
        fp16_fix=component(FP16_FIX_FOLDER, "diffusion_pytorch_model")
        if (folder / FP16_FIX_FOLDER).is_dir()
        else None,
        scheduler=need("scheduler/scheduler_config.json"),
        model_index=folder / "model_index.json" if (folder / "model_index.json").is_file() else None,
    )
    if missing:
        raise UserError(f"{folder} is not a complete Kolors model; missing: {', '.join(missing)}", _MEND)
    return layout


def read_json(path: Path) -> dict[str, Any]:
    """Read a config or index file; raises UserError if it is not a JSON object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error})", _MEND) from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: holds a {type(value).__name__}, not a JSON object", _MEND)
    return value


def _find_weights(folder: Path, stems: tuple[str, ...]) -> tuple[Path | None, tuple[Path, ...]]:
    for stem in stems:
        for kind in ("safetensors", "bin"):
            for index in (
                f"{stem}.{kind}.index.fp16.json",
                f"{stem}.fp16.{kind}.index.json",
                f"{stem}.{kind}.index.json",
            ):
                whole = f"{stem}.fp16.{kind}" if "fp16" in index else f"{stem}.{kind}"
                if (folder / whole).is_file():
                    return None, (folder / whole,)
                if (folder / index).is_file():
                    return folder / index, _read_shards(folder / index)
    return None, ()


def _read_shards(index: Path) -> tuple[Path, ...]:
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise UserError(f"{index}: names no shards", _MEND)
    shards = sorted({str(name) for name in names.values()})
    if any(Path(name).name != name for name in shards):
        raise UserError(f"{index}: names a shard outside its own folder", "download the model again")
    return tuple(index.with_name(name) for name in shards)
