"""The one door to DiffSynth: what this project uses of it, and nothing that it would only wait for."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from kolors_dagster.errors import UserError


@contextmanager
def modules_alone(*packages: str) -> Iterator[None]:
    """Within this block, modules of these packages of DiffSynth are imported without the `__init__`s.

    These import what all of DiffSynth's models and trainings need: transformers, torchvision, pandas,
    modelscope, PyTorch's compiler, two thousand files. What draws Kolors needs torch alone. The modules stay
    imported under their own names; the packages do not, so that who imports one later gets all of it. Raises
    UserError for a DiffSynth that is laid out in another way.
    """
    top = find_spec("diffsynth")  # which finds it without importing it
    roots = (top.submodule_search_locations if top else None) or []
    bare = [name for name in ("diffsynth", *packages) if roots and name not in sys.modules]
    for name in bare:
        sys.modules[name] = package = ModuleType(name)
        package.__path__ = [str(Path(root, *name.split(".")[1:])) for root in roots]
    try:
        yield
    except ImportError as error:
        if not roots or not (error.name or "").startswith("diffsynth"):
            raise
        raise UserError(
            f"diffsynth {version('diffsynth')} has not what this project takes from it: {error}",
            "pip install -c constraints.txt diffsynth (2.1.12 is known to work)",
        ) from error
    finally:
        for name in bare:
            sys.modules.pop(name, None)


with modules_alone("diffsynth.core", "diffsynth.core.loader", "diffsynth.core.vram"):
    from diffsynth.core.loader.file import load_state_dict
    from diffsynth.core.vram.initialization import skip_model_initialization
    from diffsynth.models.stable_diffusion_vae import AttentionBlock as VAEAttentionBlock
    from diffsynth.models.stable_diffusion_vae import ResnetBlock2D as VAEResnetBlock2D
    from diffsynth.models.stable_diffusion_vae import StableDiffusionVAE
    from diffsynth.models.stable_diffusion_vae import Upsample2D as VAEUpsample2D
    from diffsynth.models.stable_diffusion_xl_unet import (
        GEGLU,
        Attention,
        BasicTransformerBlock,
        CrossAttnUpBlock2D,
        ResnetBlock2D,
        SDXLUNet2DConditionModel,
        Transformer2DModel,
        UpBlock2D,
        Upsample2D,
    )
    from diffsynth.utils.state_dict_converters.stable_diffusion_vae import SDVAEStateDictConverter

__all__ = [
    "GEGLU",
    "Attention",
    "BasicTransformerBlock",
    "CrossAttnUpBlock2D",
    "ResnetBlock2D",
    "SDVAEStateDictConverter",
    "SDXLUNet2DConditionModel",
    "StableDiffusionVAE",
    "Transformer2DModel",
    "UpBlock2D",
    "Upsample2D",
    "VAEAttentionBlock",
    "VAEResnetBlock2D",
    "VAEUpsample2D",
    "load_state_dict",
    "modules_alone",
    "skip_model_initialization",
]
