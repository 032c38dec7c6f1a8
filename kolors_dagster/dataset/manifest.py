"""What a training set is made of: each image with its hashes, and all that was left out, with reasons."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kolors_dagster.dataset.filtering import RESULT
from kolors_dagster.dataset.jsonl import read_jsonl
from kolors_dagster.dataset.raw import IMAGES, REJECTS
from kolors_dagster.errors import UserError
from kolors_dagster.hashing import hash_training_set

MANIFEST = "manifest.json"


def make_manifest(raw: Path, filtered: Path, train_sha256s: Sequence[str]) -> dict[str, Any]:
    """Return the record of a training set whose images, in order, have the file hashes `train_sha256s`.

    `found` == `kept` + `rejected`. An image has the hash of its file in the training set, of its file in
    `raw` (its own bytes, where those were clean) and of its pixels, and the name it had in the source.
    Raises UserError if `raw` and `filtered` are not of the same run of the stages.
    """
    known = {image["file"]: image for image in read_jsonl(raw / IMAGES)}
    images = []
    for index, (row, sha256) in enumerate(zip(read_jsonl(filtered / RESULT), train_sha256s, strict=True)):
        origin = _origin(known, row["image"][0], raw)
        images.append(
            {
                "file_name": f"{index:06d}.jpg",
                "sha256": sha256,
                "raw_sha256": origin["sha256"],
                "pixels_sha256": origin["pixels_sha256"],
                "source": origin["source"],
                "text": row["text"],
            }
        )
    rejects = [{"stage": "raw_dataset", **reject} for reject in read_jsonl(raw / REJECTS)]
    for reject in read_jsonl(filtered / REJECTS):
        origin = _origin(known, reject["image"][0], raw)
        measured = ", ".join(f"{name} {value}" for name, value in sorted(reject["stats"].items()))
        rejects.append(
            {
                "stage": "filtered_dataset",
                "source": origin["source"],
                "reason": reject["operator"],
                "detail": measured,
            }
        )
    return {
        "data_version": hash_training_set(
            (image["file_name"], image["sha256"], image["text"]) for image in images
        ),
        "found": len(images) + len(rejects),
        "kept": len(images),
        "rejected": len(rejects),
        "rejected_by_reason": dict(sorted(Counter(reject["reason"] for reject in rejects).items())),
        "images": images,
        "rejects": rejects,
    }


def _origin(known: dict[str, dict[str, Any]], file: str, raw: Path) -> dict[str, Any]:
    if file not in known:
        raise UserError(f"{raw / IMAGES}: knows nothing of {file}", "make the raw data set again")
    return known[file]
