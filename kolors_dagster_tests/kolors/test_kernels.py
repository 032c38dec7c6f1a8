"""The Triton kernels, on Triton's interpreter, against PyTorch's own functions: no GPU needed.

The interpreter must be asked for before Triton is imported, so they run in a process of their own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton comes with PyTorch on Linux only")


def test_kernels_agree_with_pytorch() -> None:
    script = Path(__file__).with_name("run_kernels.py")
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 30
