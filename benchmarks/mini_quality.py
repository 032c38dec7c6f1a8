"""Measure kolors-mini: do pictures show what prompts say, do seeds differ, is anything memorised.

    python -m kolors_dagster.mini.training --work training scenes
    python -m benchmarks.mini_quality --work quality --scenes training/scenes

Draws 300 combinations that training never saw and has a judge read them: a small network trained here on
drawn scenes alone. Its own accuracy on held-out drawn scenes, an untrained kolors-mini and chance stand
beside. A GPU is used where there is one: two minutes on an H100. Prints one JSON line per measurement.
"""

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from benchmarks.mini_judge import JUDGED, Judge, judge_pictures, load_scenes, shrink, train_judge
from kolors_dagster.kolors.base_model import describe_base_model
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.kolors.request import DrawRequest
from kolors_dagster.mini.build import build_mini
from kolors_dagster.mini.config import DEFAULT_STEPS
from kolors_dagster.mini.drawings import words
from kolors_dagster.mini.drawings.caption import write_caption
from kolors_dagster.mini.drawings.render import render_scene
from kolors_dagster.mini.drawings.scene import ATTRIBUTES, Scene, is_held_out, sample_scene

UNWANTED = "低分辨率，画面模糊，五官变形，手指畸形，水印，text"


def held_out_scenes(count: int, seed: int) -> list[Scene]:
    """Return scenes of combinations that are never trained on, whole figures with loose hair."""
    rng, scenes = Random(seed), []
    while len(scenes) < count:
        scene = replace(sample_scene(rng), framing="full", hair_tie="loose")
        if is_held_out(scene):
            scenes.append(scene)
    return scenes


def full_caption(scene: Scene, rng: Random) -> str:
    """Return a caption of the scene that says all that is judged."""
    colour, length = words.COLOURS[scene.hair_colour], words.LENGTHS[scene.hair_length]
    cloth = [words.COLOURS[scene.dress_colour] + cut for cut in words.CUTS[scene.dress_cut]]
    poses = (*words.POSES[scene.pose], *{"sit": ("坐在",), "stand": ("站在",)}.get(scene.pose, ()))
    while True:
        caption = write_caption(scene, rng)
        hair = f"{colour}{length}" in caption or (f"{colour}头发" in caption and length in caption)
        said = (cloth, words.PLACES[scene.place], poses)
        if hair and all(any(word in caption for word in options) for options in said):
            return caption


def draw(bundle: KolorsBundle, prompts: list[str], first_seed: int) -> Tensor:
    """Return the pictures of prompts, each with a seed of its own, bytes (n, 256, 256, 3)."""
    requests = [
        DrawRequest(number, prompt, UNWANTED, first_seed + number, 256, 256, DEFAULT_STEPS, 4.0, 0.0)
        for number, prompt in enumerate(prompts)
    ]
    drawn = {panel.number: np.asarray(panel.image) for panel in bundle.draw(requests)}
    return torch.from_numpy(np.stack([drawn[number] for number in range(len(prompts))]))


def measure_accuracy(judge: Judge, pictures: Tensor, scenes: list[Scene]) -> dict[str, float]:
    """Return the share of pictures in which the judge sees what the scene says, by attribute."""
    answers = judge_pictures(judge, pictures).cpu()
    truth = torch.tensor(
        [[ATTRIBUTES[name].index(getattr(scene, name)) for name in JUDGED] for scene in scenes]
    )
    right = (answers == truth).float()
    shares = {name: round(float(share), 3) for name, share in zip(JUDGED, right.mean(dim=0), strict=True)}
    return shares | {"all five": round(float(right.prod(dim=1).mean()), 3)}


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


def sheet(pictures: Tensor, columns: int, path: Path) -> None:
    """Write pictures side by side."""
    rows = [
        np.concatenate(list(row.numpy()), axis=1)
        for row in pictures.cpu().split(columns)
        if len(row) == columns
    ]
    Image.fromarray(np.concatenate(rows)).save(path, quality=90)


def report(name: str, **figures: object) -> None:
    print(json.dumps({"measurement": name, **figures}, ensure_ascii=False), flush=True)


def main() -> None:
    """Train the judge, draw, and print one JSON line per measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("mini_quality_work"))
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--judge-steps", type=int, default=2500)
    parser.add_argument("--prepare", action="store_true", help="only train the judge")
    arguments = parser.parse_args()
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("KOLORS_DATA", str(work / "data"))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    scenes = held_out_scenes(arguments.count, 5)
    if not (work / "judge.pt").exists():
        prepare(arguments, scenes, device)
    judge = Judge().to(device).eval()
    judge.load_state_dict(torch.load(work / "judge.pt", weights_only=True))
    if not arguments.prepare:
        measure(arguments, scenes, judge)


def prepare(arguments: argparse.Namespace, scenes: list[Scene], device: torch.device) -> None:
    """Train the judge, say how good it is, and keep it with thumbnails of the training pictures."""
    training, labels = load_scenes(arguments.scenes, 60_000, device)
    judge = train_judge(training, labels, arguments.judge_steps)
    report("the judge, on held-out drawn scenes", **measure_accuracy(judge, render(scenes, 0), scenes))
    torch.save(
        torch.cat([thumbnails(part) for part in training.split(1024)]).half(),
        arguments.work / "thumbnails.pt",
    )
    torch.save(judge.state_dict(), arguments.work / "judge.pt")


def render(scenes: list[Scene], first_seed: int) -> Tensor:
    """Return the scenes drawn by the renderer, bytes (n, 256, 256, 3)."""
    seeds = range(first_seed, first_seed + len(scenes))
    return torch.from_numpy(
        np.stack(
            [
                np.asarray(render_scene(*pair))
                for pair in zip(scenes, [(256, 256)] * len(scenes), seeds, strict=True)
            ]
        )
    )


def measure(arguments: argparse.Namespace, scenes: list[Scene], judge: Judge) -> None:
    """Draw with kolors-mini and an untrained one, and report what the judge and the thumbnails say."""
    work: Path = arguments.work
    device = next(judge.parameters()).device
    prompts = [full_caption(scene, Random(n)) for n, scene in enumerate(scenes)]
    report("chance", **{name: round(1 / len(ATTRIBUTES[name]), 3) for name in JUDGED})
    bundle = make_bundle(work, None, arguments.batch)
    ours = draw(bundle, prompts, 1000)
    report("kolors-mini", **measure_accuracy(judge, ours, scenes))
    half = len(scenes) // 3
    other = draw(bundle, prompts[:half], 5000)
    real, again = render(scenes[:half], 0), render(scenes[:half], 900)
    rows = [part[start : start + 10] for start in (0, 10) for part in (real, ours, other)]
    sheet(torch.cat(rows), min(10, half), work / "sheet.png")
    report(
        "two seeds, mean difference of a pixel, 0–255",
        kolors_mini=round(float((ours[:half].float() - other.float()).abs().mean()), 1),
        drawn_scenes=round(float((real.float() - again.float()).abs().mean()), 1),
    )
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
    untrained = draw(make_bundle(work, 0, arguments.batch), prompts, 1000)
    report("untrained kolors-mini", **measure_accuracy(judge, untrained, scenes))


def make_bundle(work: Path, seed: int | None, batch: int) -> KolorsBundle:
    """Build kolors-mini, trained or (with a seed) random, and return it ready to draw."""
    folder = work / ("kolors-mini" if seed is None else "untrained")
    build_mini(folder, seed)
    return KolorsBundle(describe_base_model(folder.name, folder), "auto", "auto", batch)


if __name__ == "__main__":
    main()
