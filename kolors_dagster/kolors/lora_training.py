"""What one training step does to a LoRA."""

import logging
import math
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, distributed

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.cuda_graph import GraphedCall
from kolors_dagster.kolors.device_memory import release_memory
from kolors_dagster.kolors.gradient_checkpointing import checkpoint_gradients
from kolors_dagster.kolors.lora_memory import LoraMemory
from kolors_dagster.kolors.optimizers import make_optimizer, optimizer_tensors, restore_optimizer
from kolors_dagster.kolors.streaming import is_streamed
from kolors_dagster.kolors.training_checkpoint import Checkpoint
from kolors_dagster.kolors.training_objective import learning_rate_at
from kolors_dagster.kolors.training_precision import choose_loss_scale
from kolors_dagster.kolors.training_steps import StepBatch
from kolors_dagster.kolors.unet import KolorsUNet
from kolors_dagster.specs import FilledRecipe

_log = logging.getLogger(__name__)


class LoraTraining(LightningModule):
    """Teach the LoRA layers of `unet` to predict the noise, from the first step or a checkpoint.

    When memory runs out, fewer pictures go through at a time, which adds up the same gradients in another
    order (the last bits of the LoRA may differ), and then, one by one, with gradient checkpointing, which
    changes no bit; `gradient_checkpointing` begins with it.
    """

    def __init__(
        self, unet: KolorsUNet, recipe: FilledRecipe, *, gradient_checkpointing: bool = False
    ) -> None:
        super().__init__()
        self.automatic_optimization = False  # a step is cut in parts, and repeated when memory runs out
        self.__dict__["unet"] = unet.train()  # unknown to Lightning, which would leave it on the CPU
        self.gradient_checkpointing = gradient_checkpointing
        if gradient_checkpointing:
            checkpoint_gradients(unet)
        self.recipe = recipe
        self.step = 0
        frozen: Tensor = unet.conv_in.weight  # no linear layer: those of a streamed UNet are on the CPU
        self.lora = LoraMemory(unet, frozen.dtype)
        self.frozen_dtype = frozen.dtype
        self.loss_scale = choose_loss_scale(frozen.dtype)
        self.losses = torch.full((recipe.steps,), math.nan, device=frozen.device)
        self.at_a_time = recipe.batch_size
        self._graphs: dict[torch.Size, GraphedCall] = {}
        self._streamed = is_streamed(unet)
        self._graph_memory = torch.cuda.graph_pool_handle() if frozen.is_cuda else None
        self.optimizer = make_optimizer(recipe.optimizer, self.lora.values, recipe.learning_rate)
        self.average = self.lora.values.detach().clone() if recipe.ema_decay else None

    def training_step(self, batch: StepBatch, batch_index: int) -> None:
        """Make one optimizer step; out of memory, it is made again in smaller parts."""
        loss = None
        while loss is None:
            try:
                self.lora.gradient.zero_()
                loss = self._add_up_gradients(batch)
            except torch.OutOfMemoryError:
                pass
            if loss is None:  # by now the error is gone, and what it held in memory
                self._spare_memory()
        loss = self._average_over_processes(loss)
        if self.loss_scale != 1.0:
            self.lora.gradient /= self.loss_scale
        share = learning_rate_at(self.step, self.recipe.steps, self.recipe.warmup_steps, self.recipe.decay)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * share
        optimizer: Any = self.optimizers()
        optimizer.step()
        self.lora.renew_copies()
        if self.average is not None and self.recipe.ema_decay:
            self.average.lerp_(self.lora.values.detach(), 1 - self.recipe.ema_decay)
        self.losses[self.step] = loss

    def predict(self, batch: StepBatch) -> Tensor:
        """Return the noise (n, 4, h, w) that the UNet, with its LoRA, sees in a batch on its device."""
        predicted: Tensor = self.unet(
            batch.noisy_latents.to(self.frozen_dtype),
            batch.timesteps,
            batch.hidden_states.to(self.frozen_dtype),
            batch.pooled.to(self.frozen_dtype),
            batch.time_ids,
        )
        return predicted

    def transfer_batch_to_device(self, batch: StepBatch, device: torch.device, _: int) -> StepBatch:
        """Return the batch on the device; a GPU fetches it while it works on the one before."""
        if device.type == "cuda":
            batch = StepBatch(*(tensor.pin_memory() for tensor in batch))
        return batch.to(device)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the recipe's optimizer of the LoRA's weights."""
        return self.optimizer

    def check_finite(self) -> None:
        """Raise UserError at the first step whose loss, or the LoRA after it, is not a finite number."""
        broken = (~self.losses[: self.step].isfinite()).nonzero()
        if len(broken):
            self._refuse(f"the loss of step {int(broken[0]) + 1} of {self.recipe.steps} is not finite")
        if not bool(self.lora.values.isfinite().all()):
            self._refuse(f"the LoRA is not finite after step {self.step} of {self.recipe.steps}")

    @torch.no_grad()
    def take_average(self) -> None:
        """Put the moving average, if the recipe keeps one, in the place of the last step's weights."""
        if self.average is not None:
            self.lora.values.copy_(self.average)
            self.lora.renew_copies()

    def make_checkpoint(self) -> Checkpoint:
        """Return the LoRA, its moving average, the optimizer's state and the losses so far."""
        tensors = {"losses": self.losses[: self.step], "lora": self.lora.values.detach()}
        if self.average is not None:
            tensors["average"] = self.average
        tensors |= optimizer_tensors(self.optimizer, self.lora.values)
        return Checkpoint(self.step, {name: tensor.cpu() for name, tensor in tensors.items()})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to the state of a checkpoint."""
        tensors = checkpoint.tensors
        self.step = checkpoint.step
        self.losses[: self.step] = tensors["losses"]
        with torch.no_grad():
            self.lora.values.copy_(tensors["lora"])
        self.lora.renew_copies()
        if self.average is not None:
            self.average.copy_(tensors["average"])
        restore_optimizer(self.optimizer, self.lora.values, tensors, self.step)

    def _add_up_gradients(self, batch: StepBatch) -> Tensor:
        """Go forward and backward through `batch`, a part at a time; return the mean weighted loss."""
        count = len(batch.noise)
        batch = batch._replace(weights=batch.weights / count)
        loss = torch.zeros((), device=self.losses.device)
        for start in range(0, count, self.at_a_time):
            part = batch.rows(slice(start, start + self.at_a_time))
            shape = part.noise.shape
            if shape not in self._graphs:
                self._graphs[shape] = GraphedCall(
                    self._add_gradients, refused=self._streamed, pool=self._graph_memory
                )
            loss += self._graphs[shape](*part)
        return loss

    def _add_gradients(self, *part: Tensor) -> Tensor:
        loss = self._sum_losses(StepBatch(*part))
        (loss * self.loss_scale).backward()  # type: ignore[no-untyped-call]
        self.lora.add_up_gradients()
        return loss.detach()

    @torch.no_grad()
    def _average_over_processes(self, loss: Tensor) -> Tensor:
        """Average gradients and loss over the processes that train on a batch together.

        By hand, once a step, and not by Lightning's DDP: its hooks would send the gradients after each part,
        of which a process that is short of memory has more than the others, and wait for the GPU every step.
        """
        if not distributed.is_initialized():
            return loss
        for total in (self.lora.gradient, loss):
            distributed.all_reduce(total)
            total /= distributed.get_world_size()
        return loss

    def _sum_losses(self, batch: StepBatch) -> Tensor:
        """Return the sum over samples of the weighted mean squared error of the predicted noise."""
        errors = (self.predict(batch).float() - batch.noise).square().mean(dim=(1, 2, 3))
        return (errors * batch.weights).sum()

    def _spare_memory(self) -> None:
        if self.at_a_time > 1:
            half = self.at_a_time // 2
            _log.warning("out of memory with %d images at a time; going on with %d", self.at_a_time, half)
            self.at_a_time = half
        elif not self.gradient_checkpointing:
            _log.warning("out of memory with one image; going on with gradient checkpointing")
            self.gradient_checkpointing = True
            checkpoint_gradients(self.unet)
        else:
            raise UserError(
                f"training: not enough memory on {self.losses.device} for one picture",
                "lower training.resolution or training.rank, or close what else uses it",
            )
        self._graphs.clear()
        release_memory(self.losses.device)

    def _refuse(self, problem: str) -> None:
        overflow = self.frozen_dtype == torch.float16
        raise UserError(
            f"training: {problem}",
            f"lower training.learning_rate (it is {self.recipe.learning_rate:g})"
            + (", or write training.precision: bf16 or fp32 (fp16 overflows easily)" if overflow else ""),
        )
