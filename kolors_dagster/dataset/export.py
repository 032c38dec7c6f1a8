"""The third stage: the folder a trainer reads."""

import shutil
from pathlib import Path

import pandas as pd
from PIL import Image
from rich.console import Console
from rich.progress import track

from kolors_dagster.dataset.filtering import RESULT
from kolors_dagster.dataset.jsonl import read_jsonl
from kolors_dagster.dataset.manifest import MANIFEST, make_manifest
from kolors_dagster.dataset.reports import ExportReport
from kolors_dagster.errors import UserError
from kolors_dagster.files import join_inside, write_json, write_whole_folder
from kolors_dagster.hashing import hash_file

QUALITY = 95


def export_dataset(raw: Path, filtered: Path, output: Path) -> ExportReport:
    """Write `train/000000.jpg` … and `train/metadata.csv` (`file_name,text`, utf-8-sig) of what was kept.

    `manifest.json` beside `train` lists every image with its hashes, and all that was left out, with reasons.

    A picture that is a JPEG already is copied; the others are saved at quality 95 without colour subsampling,
    which would smear thin lines. Raises UserError if there is nothing to export or a picture is gone.
    """
    rows = read_jsonl(filtered / RESULT)
    if not rows:
        raise UserError(f"{filtered / RESULT}: no rows", "run the filters again")
    table = []
    with write_whole_folder(output) as folder:
        train = folder / "train"
        train.mkdir()
        for index, row in enumerate(
            track(rows, "exporting pictures", console=Console(stderr=True), transient=True)
        ):
            name = f"{index:06d}.jpg"
            _write_jpeg(join_inside(raw, row["image"][0]), train / name)
            table.append({"file_name": name, "text": row["text"]})
        pd.DataFrame(table).to_csv(
            train / "metadata.csv", index=False, encoding="utf-8-sig", lineterminator="\n"
        )
        manifest = make_manifest(raw, filtered, [hash_file(train / row["file_name"]) for row in table])
        write_json(folder / MANIFEST, manifest)
    return ExportReport(len(rows), manifest["data_version"])


def count_rows(filtered: Path) -> int:
    """Return how many rows passed the filters."""
    return len(read_jsonl(filtered / RESULT))


def _write_jpeg(source: Path, target: Path) -> None:
    if not source.is_file():
        raise UserError(f"{source}: the picture is gone", "make the raw data set again")
    if source.suffix == ".jpg":
        shutil.copyfile(source, target)
        return
    with Image.open(source) as image:
        image.convert("RGB").save(target, quality=QUALITY, subsampling=0)
