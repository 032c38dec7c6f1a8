"""Measure what prompts do to kolors-mini beyond saying what is there; needs the judge of mini_quality.

    python -m benchmarks.mini_prompts --work quality

Negative prompts, guidance, unknown words and other sizes. Prints one JSON line per measurement.
"""

import argparse
import os
from pathlib import Path
from random import Random

import torch

from benchmarks.mini_judge import Judge, measure_accuracy, read
from benchmarks.mini_model import UNWANTED, draw, make_bundle, report, sheet
from benchmarks.mini_quality import HELD_OUT_SEED, load_judge
from benchmarks.mini_scenes import held_out_scenes
from kolors_dagster.kolors.bundle import KolorsBundle
from kolors_dagster.mini.drawings.caption import write_full_caption
from kolors_dagster.mini.drawings.scene import ATTRIBUTES

# A prompt that leaves a thing open, and the word that forbids it.
OPEN = {
    "umbrella": ("一个{}女孩，穿着{}连衣裙，站在小镇的街道上，下着雨", "雨伞"),
    "cat": ("一个{}女孩，穿着{}连衣裙，坐在教室的椅子上", "猫"),
}
COLOURS = ("黑色短发的", "金色长发的", "蓝色短发的", "紫色头发的", "红色长发的")
UNKNOWN = ("赛博朋克", "二次元", "巴洛克风格的量子蒸汽机", "龘靐齉", "qwerty zxcv", "印象派，莫奈")
SIZES = ((192, 256), (320, 256), (256, 384), (384, 256), (512, 512))


def measure_negative_prompts(bundle: KolorsBundle, judge: Judge, count: int) -> None:
    """Report how often a thing appears that the prompt leaves open, and how often if it is forbidden."""
    for thing, (prompt, word) in OPEN.items():
        rng = Random(thing)
        prompts = [
            prompt.format(rng.choice(COLOURS), rng.choice(("白色", "蓝色", "粉色"))) for _ in range(count)
        ]
        shares = {}
        for name, unwanted in (("left open", UNWANTED), ("forbidden", f"{word}，{UNWANTED}")):
            seen = read(judge, draw(bundle, prompts, 2000, unwanted=unwanted))["thing"]
            shares[name] = round(float((seen == ATTRIBUTES["thing"].index(thing)).float().mean()), 3)
        report("negative prompt: share of pictures with the thing", thing=thing, pictures=count, **shares)


def main() -> None:
    """Draw and print one JSON line per measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("mini_quality_work"))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--batch", type=int, default=50)
    arguments = parser.parse_args()
    os.environ.setdefault("KOLORS_DATA", str(arguments.work / "data"))
    judge = load_judge(arguments.work)
    bundle = make_bundle(arguments.work / "prompts", None, arguments.batch)
    scenes = held_out_scenes(arguments.count, HELD_OUT_SEED)
    prompts = [write_full_caption(scene, Random(number)) for number, scene in enumerate(scenes)]
    measure_negative_prompts(bundle, judge, arguments.count)
    for guidance in (1.0, 2.0, 4.0, 7.0):
        pictures = draw(bundle, prompts, 1000, guidance=guidance)
        report("guidance scale", guidance=guidance, **measure_accuracy(judge, pictures, scenes))
    for steps in (10, 15, 20, 30):
        pictures = draw(bundle, prompts, 1000, steps=steps)
        report("steps", steps=steps, **measure_accuracy(judge, pictures, scenes))
    rows = []
    for words in UNKNOWN:
        pictures = draw(bundle, [f"{words}，{prompt}" for prompt in prompts], 1000)
        rows.append(pictures[:8])
        report("unknown words in front", words=words, **measure_accuracy(judge, pictures, scenes))
    sheet(torch.cat(rows), min(8, len(prompts)), arguments.work / "unknown.jpg")
    for size in SIZES:
        pictures = draw(bundle, prompts[:50], 1000, size=size)
        shown = measure_accuracy(judge, pictures, scenes[:50])
        kept = {name: shown[name] for name in ("hair_colour", "dress_colour", "place")}
        report("another size", width=size[0], height=size[1], **kept)
        sheet(pictures[:6], min(6, len(pictures)), arguments.work / f"size-{size[0]}x{size[1]}.jpg")


if __name__ == "__main__":
    main()
