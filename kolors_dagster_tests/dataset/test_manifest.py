"""The record of a training set, held against the files themselves."""

import hashlib
from pathlib import Path

import pytest

from kolors_dagster.dataset.export import export_dataset
from kolors_dagster.dataset.filtering import filter_dataset
from kolors_dagster.dataset.raw import build_raw_dataset
from kolors_dagster.errors import UserError
from kolors_dagster.files import read_json
from kolors_dagster_tests.dataset.pictures import folder_style, picture

PROCESS = [{"image_shape_filter": {"min_width": 60, "min_height": 40, "any_or_all": "all"}}]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_file_of_the_source_is_in_it_once(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    picture(64, 48, 0).save(source / "a.jpg")
    picture(64, 48, 1).save(source / "b.png")
    picture(64, 48, 1).save(source / "twin.png", compress_level=1)
    picture(50, 48, 2).save(source / "narrow.png")
    (source / "broken.png").write_bytes(b"")
    build_raw_dataset(folder_style(source), tmp_path / "raw", tmp_path)
    filter_dataset(tmp_path / "raw", PROCESS, tmp_path / "filtered")
    report = export_dataset(tmp_path / "raw", tmp_path / "filtered", tmp_path / "out")
    manifest = read_json(tmp_path / "out" / "manifest.json")

    assert manifest["data_version"] == report.data_version
    assert (manifest["found"], manifest["kept"], manifest["rejected"]) == (5, 2, 3)
    assert manifest["rejected_by_reason"] == {"duplicate": 1, "empty": 1, "image_shape_filter": 1}
    named = [*manifest["images"], *manifest["rejects"]]
    assert sorted(entry["source"] for entry in named) == sorted(path.name for path in source.iterdir())
    reject = next(entry for entry in manifest["rejects"] if entry["source"] == "narrow.png")
    assert reject["stage"] == "filtered_dataset" and "image_width [50]" in reject["detail"]
    for image in manifest["images"]:
        assert image["sha256"] == sha256(tmp_path / "out" / "train" / image["file_name"])
        assert image["raw_sha256"] == sha256(source / image["source"])  # clean: it kept its bytes

    (tmp_path / "raw" / "images.jsonl").write_text("")
    with pytest.raises(UserError, match="knows nothing of"):
        export_dataset(tmp_path / "raw", tmp_path / "filtered", tmp_path / "again")
