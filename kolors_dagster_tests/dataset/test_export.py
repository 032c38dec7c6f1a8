"""What a trainer finds: JPEGs in order and a table that Excel and pandas read."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kolors_dagster.dataset.export import export_dataset
from kolors_dagster.dataset.jsonl import read_jsonl, write_jsonl
from kolors_dagster.dataset.raw import build_raw_dataset
from kolors_dagster.errors import UserError
from kolors_dagster_tests.dataset.pictures import folder_style, picture


@pytest.fixture
def stages(tmp_path):
    """A raw and a filtered data set of a JPEG and a PNG, without running any filter."""
    source = tmp_path / "source"
    source.mkdir()
    picture(64, 48, 0).save(source / "a.jpg")
    picture(64, 48, 1).save(source / "b.png")
    (source / "b.txt").write_text('竹, "林"', encoding="utf-8")
    build_raw_dataset(folder_style(source), tmp_path / "raw", tmp_path)
    (tmp_path / "filtered").mkdir()
    write_jsonl(tmp_path / "filtered" / "result.jsonl", read_jsonl(tmp_path / "raw" / "metadata.jsonl"))
    write_jsonl(tmp_path / "filtered" / "rejects.jsonl", [])
    return tmp_path


def test_pictures_and_table(stages):
    report = export_dataset(stages / "raw", stages / "filtered", stages / "out")
    train = stages / "out" / "train"
    assert report.images == 2
    assert (train / "metadata.csv").read_bytes().startswith(b"\xef\xbb\xbffile_name,text\n")
    table = pd.read_csv(train / "metadata.csv")
    assert table.to_dict("list") == {
        "file_name": ["000000.jpg", "000001.jpg"],
        "text": ["水墨画", '水墨画，竹, "林"'],
    }
    assert sorted(path.name for path in train.iterdir()) == ["000000.jpg", "000001.jpg", "metadata.csv"]
    assert (train / "000000.jpg").read_bytes() == (stages / "source" / "a.jpg").read_bytes()
    with Image.open(train / "000001.jpg") as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")
        error = np.abs(np.asarray(image).astype(int) - np.asarray(picture(64, 48, 1)))
    assert error.max() <= 8


def test_the_version_follows_the_bytes(stages):
    first = export_dataset(stages / "raw", stages / "filtered", stages / "out")
    assert export_dataset(stages / "raw", stages / "filtered", stages / "again") == first
    rows = read_jsonl(stages / "filtered" / "result.jsonl")
    write_jsonl(stages / "filtered" / "result.jsonl", [{**rows[0], "text": "?"}, rows[1]])
    assert export_dataset(stages / "raw", stages / "filtered", stages / "out") != first


def test_a_picture_that_is_gone_or_outside_leaves_the_previous_output(stages):
    export_dataset(stages / "raw", stages / "filtered", stages / "out")
    for image in ("images/gone.png", "../source/b.png"):
        write_jsonl(stages / "filtered" / "result.jsonl", [{"text": "?", "image": [image]}])
        with pytest.raises(UserError):
            export_dataset(stages / "raw", stages / "filtered", stages / "out")
    write_jsonl(stages / "filtered" / "result.jsonl", [])
    with pytest.raises(UserError, match="no rows"):
        export_dataset(stages / "raw", stages / "filtered", stages / "out")
    assert len(list((stages / "out" / "train").glob("*.jpg"))) == 2
