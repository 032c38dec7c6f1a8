import subprocess
import sys


def test_flex_attention_is_left_out_and_is_there_afterwards() -> None:
    # In a process of its own: what is imported stays imported.
    code = """
import sys
import kolors_dagster.kolors.loading
from diffsynth.core.attention import FLEX_ATTN_AVAILABLE
assert not FLEX_ATTN_AVAILABLE
assert not {"scipy", "diffusers"} & set(sys.modules), "slow, and drawing known texts does not need them"
from torch.nn.attention.flex_attention import flex_attention
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
