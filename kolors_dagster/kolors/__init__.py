"""The Kolors model: loading, text, sampling, LoRA and training. Nothing here knows of Dagster."""

import warnings

# diffusers' ChatGLM uses what PyTorch is about to retire; whoever draws a story can do nothing about it.
warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
