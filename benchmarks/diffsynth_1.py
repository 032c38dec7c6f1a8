"""Draw and train with DiffSynth 1.1.9 as the course's notebook does, on `benchmarks.full_size`'s weights.

    pip install --target F --no-deps diffsynth==1.1.9 'transformers<5' 'huggingface_hub<1' 'tokenizers<0.23'
    python -m benchmarks.full_size --work WORK --diffsynth-1 F

What lies in F stands before the project's own versions of these four, in this process alone; what else
DiffSynth 1 imports is the project's. Texts are encoded in every drawing and every step, so ChatGLM3 counts in
time, memory and loading. Ten training steps by DiffSynth's own LoRA module and data set: rank 16, fp16,
gradient checkpointing. Tried with transformers 4.57.6, huggingface_hub 0.36.2 and tokenizers 0.22.2.
"""

import sys
import time
from pathlib import Path
from typing import Any

import lightning
import torch
from diffsynth import ModelManager, SDXLImagePipeline
from diffsynth.data.simple_text_image import TextImageDataset
from diffsynth.trainers.text_to_image import LightningModelForT2ILoRA
from torch.utils.data import DataLoader

from benchmarks.gpu import free, peak_gib, timed
from benchmarks.table import EIGHT_PANELS, ONE_PANEL, TRAINING, Results

WHO = "DiffSynth 1.1.9"
SIZE = 1024
DRAWING_STEPS = 50
TRAINING_STEPS = 10
_WARM_UP = 3
_TOO_SLOW = 15.0  # seconds a panel; eight of them would take minutes


def load_pipeline(model: Path, device: str) -> SDXLImagePipeline:
    """Return DiffSynth's Kolors pipeline with UNet, autoencoder and ChatGLM3, in fp16."""
    weights = [model / part / "diffusion_pytorch_model.fp16.safetensors" for part in ("unet", "vae")]
    manager = ModelManager(torch_dtype=torch.float16, device=device)
    manager.load_models([str(path) for path in (*weights, model / "text_encoder")])
    return SDXLImagePipeline.from_model_manager(manager)


def measure_drawing(model: Path, results: Results) -> None:
    """Draw one panel twice, the first with loading, then eight one after the other unless it is too slow."""
    free()
    pipeline, loading = timed(lambda: load_pipeline(model, "cuda"))

    def draw(number: int) -> Any:
        prompt = f"二次元，一个女孩走过第{number}条街"
        return pipeline(
            prompt=prompt,
            negative_prompt="text",
            cfg_scale=4.0,
            num_inference_steps=DRAWING_STEPS,
            height=SIZE,
            width=SIZE,
            seed=number,
            progress_bar_cmd=iter,
        )

    _, first = timed(lambda: draw(0))
    results.report(f"{WHO}, first panel", loading=loading, drawing=first)
    free()
    _, seconds = timed(lambda: draw(0))
    results.compare(ONE_PANEL, WHO, seconds=seconds, peak_gib=peak_gib(), first_result=loading + first)
    if seconds < _TOO_SLOW:
        _, seconds = timed(lambda: [draw(number) for number in range(8)])
        results.compare(EIGHT_PANELS, f"{WHO}, one by one", seconds=seconds, peak_gib=peak_gib())


class KolorsTraining(LightningModelForT2ILoRA):
    """DiffSynth's LoRA module with Kolors in it, as its training script for Kolors sets it up."""

    def __init__(self, model: Path) -> None:
        super().__init__(learning_rate=1e-4, use_gradient_checkpointing=True)
        self.pipe = load_pipeline(model, "cpu")
        self.pipe.scheduler.set_timesteps(1100)
        self.pipe.vae_encoder.half()
        self.freeze_parameters()
        self.add_lora_to_model(self.pipe.denoising_model(), lora_rank=16, lora_alpha=4.0)


class StepClock(lightning.Callback):
    """Notes when each step ended, and its loss."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.losses: list[float] = []

    def on_train_batch_end(self, _trainer: Any, _module: Any, outputs: Any, *_: Any) -> None:
        """Wait for the GPU, and look at the clock."""
        torch.cuda.synchronize()
        self.ends.append(time.perf_counter())
        self.losses.append(float(outputs["loss"]))


def measure_training(model: Path, dataset: Path, results: Results) -> None:
    """Train some steps on a prepared data set."""
    free()
    start = time.perf_counter()
    training, clock = KolorsTraining(model), StepClock()
    images = TextImageDataset(str(dataset), TRAINING_STEPS, SIZE, SIZE, center_crop=True)
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="gpu",
        devices=1,
        precision="16-mixed",
        callbacks=[clock],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
    trainer.fit(training, DataLoader(images, shuffle=True, batch_size=1))
    results.report(f"{WHO}, losses", losses=[round(loss, 4) for loss in clock.losses])
    results.compare(
        TRAINING,
        f"{WHO}, encoders in the loop",
        seconds=(clock.ends[-1] - clock.ends[_WARM_UP - 1]) / (TRAINING_STEPS - _WARM_UP),
        peak_gib=peak_gib(),
        first_result=clock.ends[0] - start,
    )


def main(work: Path) -> None:
    """Draw, then train: one where the other fails too."""
    drawing, training = (
        Results(work / "results.jsonl", f"diffsynth-1, {it}") for it in ("drawing", "training")
    )
    with drawing.attempt():
        measure_drawing(work / "kolors", drawing)
    with training.attempt():
        measure_training(work / "kolors", work / "dataset", training)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
