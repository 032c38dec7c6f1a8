"""The Kolors model: loading, text, sampling, LoRA and training. Nothing here knows of Dagster."""

import logging
import warnings

# What PyTorch is about to retire is used by diffusers' ChatGLM, and by torchao, which transformers imports
# wherever it is installed; whoever draws a story can do nothing about it.
warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
logging.getLogger("torch.utils._pytree").setLevel(logging.ERROR)
