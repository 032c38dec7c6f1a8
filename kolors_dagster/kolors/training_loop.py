"""The training loop: a Lightning module around the UNet, its progress bar, its checkpoints."""

import logging
import math
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from tqdm import tqdm

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.training_checkpoint import Checkpoint, save_checkpoint
from kolors_dagster.kolors.training_precision import choose_loss_scale
from kolors_dagster.kolors.training_steps import StepBatch, TrainingSteps
from kolors_dagster.kolors.unet import KolorsUNet, make_time_ids
from kolors_dagster.specs import FilledRecipe

# Reading a loss makes a GPU wait for it, so it is not done at every step.
_STEPS_BETWEEN_LOOKS = 10


class LoraTraining(LightningModule):
    """Teach the LoRA layers of `unet` to predict the noise, from the first step or a checkpoint.

    Every picture is conditioned on the size it is trained at, uncropped, just as panels are drawn, and as
    DiffSynth trains: a LoRA learns the style at the very conditioning that will be asked of it. SDXL's own
    recipe (original size and crop) teaches a base model to tell framings apart, for which a style's few
    dozen pictures are no material.
    """

    def __init__(self, unet: KolorsUNet, recipe: FilledRecipe) -> None:
        super().__init__()
        self.unet = unet.train()
        self.recipe = recipe
        self.step = 0
        self.trained = {name: weight for name, weight in unet.named_parameters() if weight.requires_grad}
        frozen = next(weight for weight in unet.parameters() if not weight.requires_grad)
        self.frozen_dtype = frozen.dtype
        self.loss_scale = choose_loss_scale(frozen.dtype)
        self.losses = torch.full((recipe.steps,), math.nan, device=frozen.device)
        self.time_ids = make_time_ids(
            recipe.resolution, recipe.resolution, recipe.batch_size, frozen.device, torch.float32
        )
        self.optimizer = torch.optim.AdamW(self.trained.values(), lr=recipe.learning_rate, fused=True)

    def training_step(self, batch: StepBatch, batch_index: int) -> Tensor:
        """Return the mean squared error of the predicted noise, times the loss scale."""
        predicted = self.unet(
            batch.noisy_latents.to(self.frozen_dtype),
            batch.timesteps,
            batch.hidden_states.to(self.frozen_dtype),
            batch.pooled.to(self.frozen_dtype),
            self.time_ids,
        )
        errors = (predicted.float() - batch.noise).square().flatten(1).mean(dim=1)
        loss = (errors * batch.weights).mean()
        self.losses[self.step] = loss.detach()
        return loss * self.loss_scale

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide the loss scale out of the gradients."""
        if self.loss_scale != 1.0:
            for weight in self.trained.values():
                if weight.grad is not None:
                    weight.grad /= self.loss_scale

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return AdamW on the LoRA's weights; its learning rate stays the same."""
        return self.optimizer

    def check_finite(self) -> None:
        """Raise UserError at the first step whose loss, or the LoRA after it, is not a finite number."""
        broken = (~self.losses[: self.step].isfinite()).nonzero()
        if len(broken):
            self._refuse(f"the loss of step {int(broken[0]) + 1} of {self.recipe.steps} is not finite")
        if not all(bool(weight.isfinite().all()) for weight in self.trained.values()):
            self._refuse(f"the LoRA is not finite after step {self.step} of {self.recipe.steps}")

    def make_checkpoint(self) -> Checkpoint:
        """Return the LoRA, the optimizer's state and the losses so far."""
        tensors = {"losses": self.losses[: self.step].cpu()}
        for name, weight in self.trained.items():
            state = self.optimizer.state[weight]
            tensors[f"{name}/weight"] = weight.detach().cpu()
            tensors[f"{name}/exp_avg"] = state["exp_avg"].cpu()
            tensors[f"{name}/exp_avg_sq"] = state["exp_avg_sq"].cpu()
        return Checkpoint(self.step, tensors)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to the state of a checkpoint."""
        tensors = checkpoint.tensors
        self.step = checkpoint.step
        self.losses[: self.step] = tensors["losses"]
        state = {}
        with torch.no_grad():
            for number, (name, weight) in enumerate(self.trained.items()):
                weight.copy_(tensors[f"{name}/weight"])
                state[number] = {
                    "step": torch.tensor(float(self.step)),
                    "exp_avg": tensors[f"{name}/exp_avg"],
                    "exp_avg_sq": tensors[f"{name}/exp_avg_sq"],
                }
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})

    def _refuse(self, problem: str) -> None:
        overflow = self.frozen_dtype == torch.float16
        raise UserError(
            f"training: {problem}",
            f"lower training.learning_rate (it is {self.recipe.learning_rate:g})"
            + (", or write training.precision: bf16 or fp32 (fp16 overflows easily)" if overflow else ""),
        )


class _StepWatcher(Callback):
    """Count steps, show them, stop at a loss that is not finite, and save checkpoints."""

    def __init__(self, checkpoints: Path, key: str, bar: "tqdm[Any]") -> None:
        self._checkpoints = checkpoints
        self._key = key
        self._bar = bar

    def on_train_batch_end(
        self, trainer: Trainer, training: Any, outputs: Any, batch: Any, batch_index: int
    ) -> None:
        """Look at the loss now and then; save a checkpoint when one is due, except of the last step."""
        training.step += 1
        self._bar.update()
        last = training.step == training.recipe.steps
        due = training.step % training.recipe.checkpoint_every == 0 and not last
        if last or due or training.step % _STEPS_BETWEEN_LOOKS == 0:
            training.check_finite()
            recent = training.losses[max(0, training.step - 50) : training.step]
            self._bar.set_postfix_str(f"loss {recent.mean().item():.4f}", refresh=False)
        if due:
            save_checkpoint(self._checkpoints, self._key, training.make_checkpoint())


def fit(
    training: LoraTraining, steps: TrainingSteps, device: torch.device, checkpoints: Path, key: str
) -> None:
    """Run Lightning's loop over `steps`, on one device; Ctrl-C and errors come out as they are."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    quiet = not sys.stderr.isatty()
    bar = tqdm(
        total=training.recipe.steps,
        initial=training.step,
        desc="train LoRA",
        unit="step",
        mininterval=10 if quiet else 0.5,
    )
    trainer = Trainer(
        accelerator="gpu" if device.type == "cuda" else device.type,
        devices=[device.index or 0] if device.type == "cuda" else 1,
        max_steps=len(steps),
        callbacks=[_StepWatcher(checkpoints, key, bar)],
        deterministic=True if device.type == "cuda" else None,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    on_interrupt = signal.getsignal(signal.SIGINT)
    try:
        with bar, warnings.catch_warnings():
            # Lightning's own calls of what PyTorch is about to retire are no news to a person who trains.
            warnings.filterwarnings("ignore", module=r"lightning\.", category=FutureWarning)
            warnings.filterwarnings("ignore", module=r"lightning\.", category=DeprecationWarning)
            trainer.fit(training, train_dataloaders=steps)
    except SystemExit as error:
        # Lightning turns Ctrl-C into exit(1) and leaves the signal ignored.
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, on_interrupt)
        raise error.__context__ from None
    finally:
        torch.use_deterministic_algorithms(False)
