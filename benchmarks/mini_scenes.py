"""Scenes to judge kolors-mini by: held-out ones with captions that say all, and lessons for a judge."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from kolors_dagster.mini.drawings.render import STYLES, render_scene
from kolors_dagster.mini.drawings.scene import Scene, is_held_out, sample_scene
from kolors_dagster.mini.training.scenes import label_scene, sample_training_scene

ALL_STYLES = ("base", *STYLES)
JUDGED_SIDE = 128
_LARGE = 512  # a style's training pictures are large ones made small: half of those the judge learns from too


def held_out_scenes(count: int, seed: int) -> list[Scene]:
    """Return scenes of combinations that are never trained on, whole figures with loose hair."""
    rng, scenes = Random(seed), []
    while len(scenes) < count:
        scene = replace(sample_scene(rng), framing="full", hair_tie="loose")
        if is_held_out(scene):
            scenes.append(scene)
    return scenes


def render(scenes: list[Scene], first_seed: int, style: str = "base", side: int = 256) -> Tensor:
    """Return the scenes drawn by the renderer, bytes (n, side, side, 3), on all cores."""
    jobs = [(scene, (side, side), first_seed + number, style) for number, scene in enumerate(scenes)]
    return torch.from_numpy(np.stack(list(_in_parallel(_render_one, jobs, f"render {style}"))))


def draw_lessons(path: Path, count: int) -> None:
    """Write `count` pictures of each style, 128 × 128, with labels and style numbers, for the judge."""
    jobs = [(style, number) for style in range(len(ALL_STYLES)) for number in range(count)]
    drawn = list(_in_parallel(_draw_lesson, jobs, "draw for the judge"))
    pictures, labels = (np.stack(part) for part in zip(*drawn, strict=True))
    with path.open("wb") as file:
        np.savez(file, pictures=pictures, labels=labels, styles=np.array([style for style, _ in jobs]))


def _draw_lesson(job: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    style, number = job
    rng = Random(f"lesson/{style}/{number}")
    scene = sample_training_scene(rng)
    side = _LARGE if style and number % 2 else 256
    picture = render_scene(scene, (side, side), rng.randrange(2**32), ALL_STYLES[style])
    small = picture.resize((256, 256), Image.Resampling.LANCZOS).reduce(2)
    return np.asarray(small), np.array(label_scene(scene), np.uint8)


def _render_one(job: tuple[Scene, tuple[int, int], int, str]) -> np.ndarray:
    return np.asarray(render_scene(*job))


def _in_parallel(work: Callable[[Any], Any], jobs: list[Any], name: str) -> Iterator[Any]:
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("fork")) as pool:
        yield from tqdm(pool.map(work, jobs, chunksize=8), total=len(jobs), desc=name, mininterval=10)
