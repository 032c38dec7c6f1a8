import subprocess
import sys

import pytest

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.diffsynth import modules_alone


def test_who_imports_diffsynth_later_gets_all_of_it_and_the_same_classes() -> None:
    # In a process of its own: what is imported stays imported.
    code = """
import sys
from kolors_dagster.kolors.diffsynth import StableDiffusionVAE
from kolors_dagster.kolors.diffsynth_streaming import AutoWrappedLinear
assert not {"diffsynth", "diffsynth.core", "transformers", "torchvision"} & set(sys.modules)
sys.modules["torch.nn.attention.flex_attention"] = None  # DiffSynth does without, three seconds sooner
from diffsynth.core import ModelConfig, load_model
from diffsynth.core.vram.layers import AutoWrappedLinear as theirs
from diffsynth.models.stable_diffusion_vae import StableDiffusionVAE as their_vae
assert theirs is AutoWrappedLinear and their_vae is StableDiffusionVAE
from kolors_dagster.kolors.diffsynth import modules_alone
with modules_alone("diffsynth.core"):
    from diffsynth.core import load_model as still
assert still is load_model
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_a_diffsynth_that_is_laid_out_otherwise_is_named() -> None:
    with pytest.raises(UserError, match=r"diffsynth 2\..*core\.nowhere"), modules_alone("diffsynth.core"):
        from diffsynth.core.nowhere import nothing  # noqa: F401
    with pytest.raises(ImportError, match="no_such_package"), modules_alone("diffsynth.core"):
        import no_such_package  # noqa: F401
