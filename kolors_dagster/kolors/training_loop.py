"""The training loop: Lightning's, with a progress bar, checkpoints, and a look at the loss now and then."""

import logging
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from tqdm import tqdm

from kolors_dagster.kolors.lora_training import LoraTraining
from kolors_dagster.kolors.training_checkpoint import save_checkpoint
from kolors_dagster.kolors.training_steps import TrainingSteps
from kolors_dagster.kolors.validation import Validation

# Reading a loss makes a GPU wait for it, so it is not done at every step.
_STEPS_BETWEEN_LOOKS = 10
# The first sets libraries up, the second records the CUDA graph; speed is that of the rest.
_STEPS_TO_SET_UP = 2


class _StepWatcher(Callback):
    """Count steps, show and time them, stop at a loss that is not finite, and save checkpoints."""

    def __init__(
        self,
        checkpoints: Path,
        key: str,
        validation: Validation | None,
        bar: "tqdm[Any]",
        first: int,
        *,
        saves: bool,
    ) -> None:
        self._checkpoints = checkpoints
        self._key = key
        self._validation = validation
        self._bar = bar
        self._first = first
        self._saves = saves
        self._timed_from = (first, self._training_time())
        self.seconds_per_step = 0.0

    def on_train_start(self, trainer: Trainer, training: Any) -> None:
        """Draw what the base model draws of the validation prompt, unless a checkpoint has it."""
        if self._validation is not None and training.step == 0:
            self._validation.draw(training.unet, 0)

    def on_train_batch_end(
        self, trainer: Trainer, training: Any, outputs: Any, batch: Any, batch_index: int
    ) -> None:
        """Look at the loss now and then; draw and save what is due, except after the last step."""
        training.step += 1
        self._bar.update()
        last = training.step == training.recipe.steps
        due = training.step % training.recipe.checkpoint_every == 0 and not last
        drawing = self._validation is not None and self._validation.is_due(training.step)
        if last or due or drawing or training.step % _STEPS_BETWEEN_LOOKS == 0:
            training.check_finite()
            recent = training.losses[max(0, training.step - 50) : training.step]
            self._bar.set_postfix_str(f"loss {recent.mean().item():.4f}", refresh=False)
        if self._validation is not None and drawing and not last:
            self._validation.draw(training.unet, training.step)
        if due and self._saves:
            checkpoint = training.make_checkpoint()
            if self._validation is not None:
                checkpoint.tensors.update(self._validation.tensors())
            save_checkpoint(self._checkpoints, self._key, checkpoint)
        if last:
            step, start = self._timed_from
            self.seconds_per_step = (self._training_time() - start) / (training.step - step)
        elif training.step == self._first + _STEPS_TO_SET_UP:
            training.losses[self._first].item()  # waits for the GPU
            self._timed_from = (training.step, self._training_time())

    def _training_time(self) -> float:
        return time.perf_counter() - (self._validation.seconds if self._validation else 0.0)


def fit(
    training: LoraTraining,
    steps: TrainingSteps,
    device: torch.device,
    checkpoints: Path,
    key: str,
    validation: Validation | None = None,
    *,
    leads: bool = True,
) -> float:
    """Run Lightning's loop over `steps`, on one device; return the seconds a step took after the first two.

    Ctrl-C and errors come out as they are. Of several processes that train together, each with its own
    device and its own part of every batch, only the one that `leads` saves checkpoints and shows the bar.
    """
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    quiet = not sys.stderr.isatty()
    bar = tqdm(
        total=training.recipe.steps,
        initial=training.step,
        desc="train LoRA",
        unit="step",
        mininterval=10 if quiet else 0.5,
        disable=not leads,
    )
    watcher = _StepWatcher(checkpoints, key, validation, bar, training.step, saves=leads)
    trainer = Trainer(
        accelerator="gpu" if device.type == "cuda" else device.type,
        devices=[device.index or 0] if device.type == "cuda" else 1,
        max_steps=len(steps),
        callbacks=[watcher],
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
    return watcher.seconds_per_step
