"""Loading the parts of a Kolors model, each alone, so that no more of it is in memory than is needed."""

import inspect
import logging
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.utils.serialization import config as serialization

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.device_memory import release_memory
from kolors_dagster.kolors.diffsynth import (
    SDVAEStateDictConverter,
    StableDiffusionVAE,
    load_state_dict,
    skip_model_initialization,
)
from kolors_dagster.kolors.fused_blocks import can_fuse, fuse_blocks
from kolors_dagster.kolors.fused_vae import fuse_vae_blocks
from kolors_dagster.kolors.layout import Component, find_layout, read_json
from kolors_dagster.kolors.noise_schedule import NoiseSchedule
from kolors_dagster.kolors.streaming import stream_linear_layers
from kolors_dagster.kolors.text import TextEncoder
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster.kolors.vae import VAE

StateDict = dict[str, Tensor]
_DAMAGED = "a weights file is damaged"
_DAMAGED_ARCHIVE = ("PytorchStreamReader", "hasRecord", "zip archive")  # how torch.load says so
_CPU = torch.device("cpu")
_log = logging.getLogger(__name__)
_VAE_KEYS = inspect.signature(StableDiffusionVAE).parameters


def load_unet(
    folder: Path, device: torch.device, dtype: torch.dtype, *, stream: int | None = None
) -> KolorsUNet:
    """Load the UNet, in evaluation mode; raises UserError for files that do not fit it.

    `stream`: see `MemoryPlan.stream_unet`. A UNet that does not fit whole is streamed.
    """
    component = find_layout(folder).unet
    load = partial(_load, KolorsUNet, component, {"config": read_json(component.config)})
    # In its own arithmetic on the CPU too: a LoRA is added to these very weights.
    unet: KolorsUNet = _load_whole_or_stream(load, device, dtype, stream, waiting_dtype=dtype)
    if can_fuse(device):
        fuse_blocks(unet)
    return unet


def load_text_encoder(
    folder: Path, device: torch.device, dtype: torch.dtype, *, stream: int | None = None
) -> TextEncoder:
    """Load ChatGLM3 and its tokenizer, without the language model's head, which Kolors never uses.

    `stream`: see `MemoryPlan.stream_text_encoder`. An encoder that does not fit whole is streamed.
    """
    from kolors_dagster.kolors import chatglm  # two seconds of imports that only new texts need

    layout = find_layout(folder)
    config = chatglm.ChatGLMConfig(**read_json(layout.text_encoder.config))

    def convert(weights: StateDict) -> StateDict:
        kept = {
            name.removeprefix("transformer."): tensor
            for name, tensor in weights.items()
            if not name.endswith(("output_layer.weight", "rotary_pos_emb.inv_freq"))
        }
        # The rotary table is computed from the config; the model reads only the buffer's dtype and device.
        kept["rotary_pos_emb.inv_freq"] = chatglm.rotary_frequencies(config).to(device, dtype)
        return kept

    load = partial(_load, chatglm.HeadlessChatGLM, layout.text_encoder, {"config": config}, convert=convert)
    # As the files have them, mapped from disk: memory that the system can have back at any time.
    model = _load_whole_or_stream(load, device, dtype, stream, waiting_dtype=None)
    return TextEncoder(model, chatglm.ChatGLMTokenizer(vocab_file=str(layout.tokenizer)))


def load_vae(folder: Path, device: torch.device, dtype: torch.dtype, *, on_cpu: bool = False) -> VAE:
    """Load the autoencoder; in fp16 only the one that was made for it (`sdxl-vae-fp16-fix`), else in fp32.

    SDXL's own autoencoder overflows in fp16 and loses detail in bf16. `on_cpu`: see `MemoryPlan.vae_on_cpu`.
    """
    layout = find_layout(folder)
    fixed = dtype == torch.float16 and layout.fp16_fix is not None and not on_cpu
    component = layout.fp16_fix if fixed and layout.fp16_fix else layout.vae
    config = read_json(component.config)
    config = {key: value for key, value in config.items() if key in _VAE_KEYS}
    model = _load(
        StableDiffusionVAE,
        component,
        config,
        device=_CPU if on_cpu else device,
        dtype=torch.float16 if fixed else torch.float32,
        convert=SDVAEStateDictConverter,
    )
    if not on_cpu and can_fuse(device):
        fuse_vae_blocks(model)
    return VAE(model)


def load_noise_schedule(folder: Path) -> NoiseSchedule:
    """Load the model's own noise schedule, for training and for drawing."""
    return NoiseSchedule.read(find_layout(folder).scheduler)


def _load_whole_or_stream(
    load: Callable[..., Any],
    device: torch.device,
    dtype: torch.dtype,
    stream: int | None,
    waiting_dtype: torch.dtype | None,
) -> Any:
    if stream is None:
        try:
            return load(device=device, dtype=dtype)
        except torch.OutOfMemoryError:
            _log.warning("out of memory loading a model whole; its layers stay in the CPU's memory")
        release_memory(device)
    with serialization.patch({"load.mmap": True}):  # type: ignore[attr-defined]
        model = load(device=_CPU, dtype=waiting_dtype)
    stream_linear_layers(model, device, dtype, keep_free=stream)
    return model


def _load(
    model_class: type[nn.Module],
    component: Component,
    config: dict[str, Any],
    *,
    device: torch.device,
    dtype: torch.dtype | None,
    convert: Callable[[StateDict], StateDict] | None = None,
) -> Any:
    """Build the model without weights and put the files' tensors in their places, in evaluation mode.

    dtype: None leaves them as they are in the files.
    """
    folder = component.config.parent
    try:
        weights = load_state_dict([str(path) for path in component.weights], dtype, str(device))
        with skip_model_initialization():
            model = model_class(**config)
        model.load_state_dict(weights if convert is None else convert(weights), assign=True)
        model = model.to(device=device, dtype=dtype).eval()  # buffers too, which are in no file
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{folder}: a .bin file holds more than tensors, so it was not opened ({_one_line(error)[:120]})",
            "do not use this file; download the model again from its own source",
        ) from None
    except RuntimeError as error:
        if "loading state_dict" in str(error):
            raise UserError(
                f"{folder}: the weights do not fit config.json: {_one_line(error)}",
                "use weights and config.json of the same Kolors model",
            ) from None
        if not any(sign in str(error) for sign in _DAMAGED_ARCHIVE):
            raise
        raise UserError(f"{folder}: {_DAMAGED} ({_one_line(error)})", "download it again") from None
    except SafetensorError as error:
        raise UserError(f"{folder}: {_DAMAGED} ({error})", "download it again") from None
    return model.requires_grad_(False)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:600]
