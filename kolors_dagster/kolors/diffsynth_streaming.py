"""DiffSynth's VRAM management: by itself, since it imports PyTorch's compiler, a second that few wait for."""

from kolors_dagster.kolors.diffsynth import modules_alone

with modules_alone("diffsynth.core", "diffsynth.core.vram"):
    from diffsynth.core.vram.layers import AutoWrappedLinear, enable_vram_management

__all__ = ["AutoWrappedLinear", "enable_vram_management"]
