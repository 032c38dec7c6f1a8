"""The training pictures: scenes drawn in the plain style by many processes, in shards read as they come.

Nothing is drawn in any other style, and held-out combinations are left out.
"""

import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import astuple
from multiprocessing import get_context
from pathlib import Path
from random import Random

import numpy as np
from tqdm import tqdm

from kolors_dagster.mini.drawings.render import compose_plain
from kolors_dagster.mini.drawings.scene import ATTRIBUTES, Scene, is_held_out, sample_scene
from kolors_dagster.mini.training.captions import load_tokenizer, tokenize, write_texts

SHARD = 256
SIDE = 256


def render_scenes(folder: Path, count: int, seed: int, workers: int) -> None:
    """Draw `count` scenes, in shards of 256, into `folder`; shards that are there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    shards = -(-count // SHARD)
    with ProcessPoolExecutor(
        workers, mp_context=get_context("fork"), initializer=os.nice, initargs=(10,)
    ) as pool:
        jobs = [pool.submit(render_shard, folder, number, seed) for number in range(shards)]
        for job in tqdm(as_completed(jobs), total=shards, desc="draw scenes", unit="shard", mininterval=10):
            job.result()
    (folder / "complete").touch()


def render_shard(folder: Path, number: int, seed: int, size: int = SHARD) -> Path:
    """Draw one shard: `pictures` (256, 256, 256, 3), `heads`, `tokens`, `lengths` and `labels`.

    A head is its middle, x and y, and its height, in pixels.
    """
    path = folder / f"{number:05d}.npz"
    if path.exists():
        return path
    tokenizer = load_tokenizer()
    pictures, heads, tokens, lengths, labels = [], [], [], [], []
    for index in range(size):
        rng = Random(f"{seed}/{number}/{index}")
        scene = sample_training_scene(rng)
        drawn = compose_plain(scene, (SIDE, SIDE), rng.randrange(2**32))
        pictures.append(np.asarray(drawn.colour))
        heads.append([*drawn.head, drawn.unit])
        rows, row_lengths = tokenize(write_texts(scene, rng), tokenizer)
        tokens.append(rows)
        lengths.append(row_lengths)
        labels.append(label_scene(scene))
    aside = path.with_suffix(".part")
    with aside.open("wb") as file:
        np.savez(
            file,
            pictures=np.stack(pictures),
            heads=np.array(heads, np.float32),
            tokens=np.stack(tokens),
            lengths=np.stack(lengths),
            labels=np.array(labels, np.uint8),
        )
    aside.rename(path)
    return path


def sample_training_scene(rng: Random) -> Scene:
    """Draw a scene whose combination is not held out."""
    scene = sample_scene(rng)
    while is_held_out(scene):
        scene = sample_scene(rng)
    return scene


def label_scene(scene: Scene) -> list[int]:
    """Return the number of every attribute's value, in the order of `ATTRIBUTES`."""
    values = dict(zip(scene.__dataclass_fields__, astuple(scene), strict=True))
    return [ATTRIBUTES[name].index(values[name]) for name in ATTRIBUTES]
