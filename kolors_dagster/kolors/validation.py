"""What a LoRA draws of one prompt while it is trained, always from the same noise."""

import logging
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from kolors_dagster.hashing import hash_json
from kolors_dagster.kolors.base_model import BaseModel
from kolors_dagster.kolors.device import choose_dtype
from kolors_dagster.kolors.embedding_store import EmbeddingStore
from kolors_dagster.kolors.loading import load_noise_schedule, load_text_encoder, load_vae
from kolors_dagster.kolors.sampling import sample_latents
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster.kolors.validation_strip import draw_validation_strip
from kolors_dagster.specs import FilledRecipe, SamplingRecipe
from kolors_dagster.specs.trigger_words import put_in_front

VALIDATION_STRIP = "validation.jpg"  # in the training's output, beside the folder `validation`
_log = logging.getLogger(__name__)


class Validation:
    """Draws a picture every `validation_every` steps of a training, and changes nothing of it.

    Latents are kept, in the training's checkpoints too, and decoded after it, so that the VAE is never in
    memory beside the UNet. `seconds` is what drawing took so far.
    """

    def __init__(
        self,
        base_model: BaseModel,
        recipe: FilledRecipe,
        trigger_words: str,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Embed the prompt; a new one loads the text encoder, so this comes before the UNet is loaded."""
        self._base_model = base_model
        self._recipe = recipe
        self._device = device
        prompt = put_in_front(trigger_words, recipe.validation_prompt or "")
        self._prefix = f"validation/{hash_json(prompt)[:16]}/"
        store = EmbeddingStore(base_model, device, dtype)
        load = partial(load_text_encoder, base_model.folder, device, dtype)
        embeddings, _ = store.embed([prompt, ""], load)
        self._positive, self._negative = embeddings[prompt], embeddings[""]
        self._latents: dict[int, Tensor] = {}
        self.seconds = 0.0

    def is_due(self, step: int) -> bool:
        """Say whether there is to be a picture of the LoRA after `step` steps of training."""
        return step % self._recipe.validation_every == 0

    def draw(self, unet: KolorsUNet, step: int) -> None:
        """Draw with the LoRA as it is on `unet`, which is left in the mode it was in; keep the latents."""
        start = time.perf_counter()
        usual = SamplingRecipe()
        training = unet.training
        unet.eval()
        latents = sample_latents(
            unet,
            load_noise_schedule(self._base_model.folder),
            self._positive,
            self._negative,
            [self._recipe.seed],
            width=self._recipe.resolution,
            height=self._recipe.resolution,
            steps=self._base_model.default_steps,
            guidance_scale=usual.guidance_scale,
            early_guidance_scale=usual.guide_early(self._base_model.early_guidance_scale),
        )
        unet.train(training)
        self._latents[step] = latents.cpu()
        self.seconds += time.perf_counter() - start

    def tensors(self) -> dict[str, Tensor]:
        """Return the latents so far, for a checkpoint."""
        return {f"{self._prefix}{step}": latents for step, latents in self._latents.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the latents out of a checkpoint's tensors; those of another prompt are left."""
        self._latents = {
            int(name.removeprefix(self._prefix)): latents
            for name, latents in tensors.items()
            if name.startswith(self._prefix)
        }

    def write(self, folder: Path) -> None:
        """Decode to `validation/step-00100.png` … and `validation.jpg`, all in one strip, below `folder`.

        A LoRA that learns too fast may draw what is no picture (NaN); it is told and left out.
        """
        vae = load_vae(self._base_model.folder, self._device, choose_dtype(self._device))
        pictures = {}
        for step, latents in sorted(self._latents.items()):
            try:
                pictures[step] = Image.fromarray(vae.decode(latents)[0])
            except FloatingPointError as error:
                _log.warning("validation picture after step %d: %s", step, error)
        if not pictures:
            return
        (folder / "validation").mkdir()
        for step, picture in pictures.items():
            picture.save(folder / "validation" / f"step-{step:05}.png")
        draw_validation_strip(pictures).save(folder / VALIDATION_STRIP, quality=90)
