"""Measure kolors-mini: do pictures show what prompts say, do seeds differ, is anything memorised.

    python -m kolors_dagster.mini.training --work training scenes
    python -m benchmarks.mini_quality --work quality --scenes training/scenes

Draws 300 combinations that training never saw and has a judge read them: a small network trained here on
drawn scenes alone. Its own accuracy on held-out drawn scenes, an untrained kolors-mini and chance stand
beside. `benchmarks.mini_prompts` and `benchmarks.mini_lora` go on with the judge that this leaves in
`--work`. A GPU is used where there is one: two minutes on an H100. Prints one JSON line per measurement.
"""

import argparse
import os
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.mini_judge import (
    JUDGED,
    Judge,
    load_lessons,
    measure_accuracy,
    measure_style,
    shrink,
    train_judge,
)
from benchmarks.mini_model import draw, make_bundle, report, sheet
from benchmarks.mini_scenes import ALL_STYLES, draw_lessons, held_out_scenes, render
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.loading import load_vae
from kolors_dagster.mini.drawings.caption import write_full_caption
from kolors_dagster.mini.drawings.scene import ATTRIBUTES

HELD_OUT_SEED = 5


def load_judge(work: Path) -> Judge:
    """Return the judge that was trained into `work`, kept in fp16, in fp32, on the GPU if there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    judge = Judge().to(device).eval()
    judge.load_state_dict(torch.load(work / "judge.pt", weights_only=True, map_location=device))
    return judge


def prepare(work: Path, scenes: Path, count: int, lessons: int, steps: int) -> None:
    """Train the judge, say how good it is, and keep it with thumbnails of the training pictures."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not (work / "lessons.npz").exists():
        draw_lessons(work / "lessons.npz", lessons)
    held_out = held_out_scenes(count, HELD_OUT_SEED)
    drawn = {style: render(held_out, 0, style) for style in ALL_STYLES}
    pictures, labels, styles = load_lessons(scenes, 60_000, work / "lessons.npz", device)
    judge = train_judge(pictures, labels, styles, steps)
    for style, rendered in drawn.items():
        figures = measure_accuracy(judge, rendered, held_out) | {
            "style": measure_style(judge, rendered, style)
        }
        report("the judge, on held-out drawn scenes", drawn_as=style, **figures)
    kept = pictures[: len(pictures) - lessons * len(ALL_STYLES)]
    torch.save(torch.cat([thumbnails(part) for part in kept.split(1024)]).half(), work / "thumbnails.pt")
    torch.save(drawn, work / "drawn.pt")
    torch.save({name: weight.half() for name, weight in judge.state_dict().items()}, work / "judge.pt")


def thumbnails(small: Tensor) -> Tensor:
    """Return (n, 3, 128, 128) as rows of 32 × 32 thumbnails (n, 3072), fp32."""
    return functional.avg_pool2d(small.float(), 4).flatten(1)


def nearest(pictures: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """Return each picture's distance (root mean square, 0–255) to its nearest training picture, and its row.

    pictures: (n, 3, 128, 128), tried mirrored too; training: thumbnails.
    """
    as_is, mirrored = (
        torch.cdist(thumbnails(part), training.float()) for part in (pictures, pictures.flip(3))
    )
    distance, row = torch.minimum(as_is, mirrored).min(dim=1)
    return distance / training.shape[1] ** 0.5 * 127.5, row


def measure(work: Path, count: int, batch: int) -> None:
    """Draw with kolors-mini and an untrained one, and report what the judge and the thumbnails say."""
    judge = load_judge(work)
    scenes = held_out_scenes(count, HELD_OUT_SEED)
    prompts = [write_full_caption(scene, Random(number)) for number, scene in enumerate(scenes)]
    report("chance", **{name: round(1 / len(ATTRIBUTES[name]), 3) for name in JUDGED}, style=0.2)
    bundle = make_bundle(work, None, batch)
    ours = draw(bundle, prompts, 1000)
    report(
        "kolors-mini",
        pictures=count,
        **measure_accuracy(judge, ours, scenes),
        style=measure_style(judge, ours, "base"),
    )
    half = max(1, count // 3)
    other = draw(bundle, prompts[:half], 5000)
    real, again = render(scenes[:half], 0), render(scenes[:half], 900)
    rows = [part[start : start + 10] for start in (0, 10, 20) for part in (real, ours, other)]
    sheet(torch.cat(rows), min(10, half), work / "sheet.jpg")
    report(
        "two seeds, mean difference of a pixel, 0–255",
        kolors_mini=round(float((ours[:half].float() - other.float()).abs().mean()), 1),
        drawn_scenes=round(float((real.float() - again.float()).abs().mean()), 1),
    )
    measure_memory(work, ours, real)
    for style, pictures in torch.load(work / "drawn.pt", weights_only=True).items():
        report("the autoencoder: PSNR, dB", drawn_as=style, value=round(_psnr(bundle, pictures[:100]), 2))
    untrained = draw(make_bundle(work, 0, batch), prompts, 1000)
    report("untrained kolors-mini", **measure_accuracy(judge, untrained, scenes))


def measure_memory(work: Path, ours: Tensor, real: Tensor) -> None:
    """Report how near pictures come to training pictures, and show the ten nearest above theirs."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    training = torch.load(work / "thumbnails.pt", weights_only=True).to(device)
    small = shrink(ours.to(device))
    distance, row = nearest(small, training)
    reference, _ = nearest(shrink(real.to(device)), training)
    report(
        "distance to the nearest training picture",
        training_pictures=len(training),
        kolors_mini={"least": round(float(distance.min()), 1), "median": round(float(distance.median()), 1)},
        held_out_scenes={
            "least": round(float(reference.min()), 1),
            "median": round(float(reference.median()), 1),
        },
    )
    closest = distance.argsort()[:10]
    pairs = torch.cat([thumbnails(small[closest]), training[row[closest]].float()]).view(-1, 3, 32, 32)
    pairs = functional.interpolate(((pairs / 2 + 0.5).clamp(0, 1) * 255).byte(), scale_factor=4)
    sheet(pairs.permute(0, 2, 3, 1), len(closest), work / "nearest.png")


def _psnr(bundle: KolorsBundle, pictures: Tensor) -> float:
    vae = load_vae(bundle.base_model.folder, bundle.device, torch.float32)
    pixels = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
    back = [vae.decode(vae.encode_mean_std(part)[0].to(bundle.device)) for part in pixels.split(10)]
    error = (torch.from_numpy(np.concatenate(back)).float() - pictures.float()).square().mean()
    return float(10 * torch.log10(255**2 / error))


def main() -> None:
    """Train the judge unless it is there, draw, and print one JSON line per measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("mini_quality_work"))
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--lessons", type=int, default=3000, help="pictures of each style for the judge")
    parser.add_argument("--judge-steps", type=int, default=3000)
    parser.add_argument("--prepare", action="store_true", help="only train the judge")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("KOLORS_DATA", str(arguments.work / "data"))
    if not (arguments.work / "judge.pt").exists():
        prepare(arguments.work, arguments.scenes, arguments.count, arguments.lessons, arguments.judge_steps)
    if not arguments.prepare:
        measure(arguments.work, arguments.count, arguments.batch)


if __name__ == "__main__":
    main()
