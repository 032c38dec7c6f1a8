"""Training in less memory: what a block computed on the way forward is computed again on the way back."""

from functools import partial

from torch.utils.checkpoint import checkpoint

from kolors_dagster.kolors.diffsynth import BasicTransformerBlock, ResnetBlock2D
from kolors_dagster.kolors.unet import KolorsUNet


def checkpoint_gradients(unet: KolorsUNet) -> None:
    """Keep, from here on, only the inputs of every transformer and residual block for the backward pass.

    The same operations run on the same numbers, so the gradients are the same to the bit; a step takes one
    forward pass more. Nothing in the UNet is random, so no random state is kept, which a CUDA graph could
    not record.
    """
    for block in unet.modules():
        if isinstance(block, BasicTransformerBlock | ResnetBlock2D):
            block.forward = partial(checkpoint, block.forward, use_reentrant=False, preserve_rng_state=False)
