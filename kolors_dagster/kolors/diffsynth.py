"""The one door to DiffSynth: what this project uses of it, and nothing that it would only wait for."""

import sys
from types import ModuleType
from typing import cast

# DiffSynth compiles flex attention as it is imported, for models that are not Kolors: three seconds of
# PyTorch's compiler at every start. Where the module cannot be imported, it does without.
_FLEX_ATTENTION = "torch.nn.attention.flex_attention"
_imported = sys.modules.get(_FLEX_ATTENTION)
sys.modules[_FLEX_ATTENTION] = cast(ModuleType, None)
try:
    from diffsynth.core.loader.model import load_model
    from diffsynth.core.vram.layers import AutoWrappedLinear, enable_vram_management
    from diffsynth.models.stable_diffusion_vae import ResnetBlock2D as VAEResnetBlock2D
    from diffsynth.models.stable_diffusion_vae import StableDiffusionVAE
    from diffsynth.models.stable_diffusion_xl_unet import (
        GEGLU,
        Attention,
        BasicTransformerBlock,
        ResnetBlock2D,
        SDXLUNet2DConditionModel,
        Transformer2DModel,
    )
    from diffsynth.utils.state_dict_converters.stable_diffusion_vae import SDVAEStateDictConverter
finally:
    del sys.modules[_FLEX_ATTENTION]
    if _imported is not None:
        sys.modules[_FLEX_ATTENTION] = _imported

__all__ = [
    "GEGLU",
    "Attention",
    "AutoWrappedLinear",
    "BasicTransformerBlock",
    "ResnetBlock2D",
    "SDVAEStateDictConverter",
    "SDXLUNet2DConditionModel",
    "StableDiffusionVAE",
    "Transformer2DModel",
    "VAEResnetBlock2D",
    "enable_vram_management",
    "load_model",
]
