"""ModelScope's real client against a hub on loopback that fails, hangs and stops half-way."""

import io
import json
import os
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kolors_dagster.dataset.jsonl import read_jsonl
from kolors_dagster.dataset.raw import build_raw_dataset
from kolors_dagster.dataset.sources.hub import hub_timeout
from kolors_dagster.errors import UserError
from kolors_dagster.specs import ModelScopeSource, StyleSpec
from kolors_dagster_tests.dataset.loopback_hub import LoopbackHub
from kolors_dagster_tests.dataset.pictures import picture

CARD = b"""---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
  - split: test
    path: data/test.parquet
- config_name: other
  data_files:
  - split: train
    path: other/train.parquet
---
"""
LAST = "data/train-1.parquet"


def table(*seeds: int) -> bytes:
    """A parquet file as the `datasets` library writes it: an image column and a caption column."""
    rows = []
    for seed in seeds:
        file = io.BytesIO()
        picture(400, 300, seed).save(file, "PNG")
        rows.append({"bytes": file.getvalue(), "path": f"{seed}.png"})
    features = {"image": {"_type": "Image"}, "caption": {"dtype": "string", "_type": "Value"}}
    columns = pa.table({"image": rows, "caption": [f"图{seed}" for seed in seeds]})
    columns = columns.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    file = io.BytesIO()
    pq.write_table(columns, file)
    return file.getvalue()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    files = {
        "README.md": CARD,
        "data/train-0.parquet": table(0, 1, 2),
        LAST: table(3, 4),
        "data/test.parquet": table(8),
        "other/train.parquet": table(9, 10),
    }
    with LoopbackHub("owner/pictures", files).serve() as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "modelscope"))
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("MODELSCOPE_API_TOKEN", "a-token-of-ours")
        monkeypatch.setenv("KOLORS_HUB_TIMEOUT", "5")
        yield hub


def load(tmp_path, **fields):
    fields = {"dataset": "owner/pictures", "caption_column": "caption", **fields}
    source = ModelScopeSource(kind="modelscope", **fields)
    style = StyleSpec(name="s", trigger_words="二次元", source=source)
    return build_raw_dataset(style, tmp_path / "out" / "raw", tmp_path)


def test_faults_end_in_one_error_and_the_next_attempt_goes_on(hub, tmp_path):
    hub.faulty_file = LAST
    for fault, said in (
        ("failing", r"owner/pictures from http://127.0.0.1:\d+: HTTPError: 500"),
        ("truncating", "IncompleteRead"),
        ("hanging", "nothing came for 5 seconds"),
    ):
        hub.fault = fault
        with pytest.raises(UserError, match=said) as caught:
            load(tmp_path)
        assert "again" in caught.value.fix
        assert "a-token-of-ours" not in str(caught.value)
        assert os.listdir(tmp_path / "out") == []
    assert hub.resumed == [LAST]  # the hanging one was asked for the half that was missing
    hub.fault = None
    report = load(tmp_path)
    assert (report.found, report.kept) == (5, 5)
    assert [image.source for image in report.images] == [f"train/00000{n}" for n in range(5)]
    assert [row["text"] for row in read_jsonl(tmp_path / "out" / "raw" / "metadata.jsonl")] == [
        f"二次元，图{n}" for n in range(5)
    ]
    assert hub.seen.count("GET /api/v1/datasets/owner/pictures/repo data/train-0.parquet") == 1
    assert hub.resumed == [LAST, LAST]
    # Another version under the same name is noticed.
    hub.files[LAST] = table(5)
    again = load(tmp_path)
    assert [image.text for image in again.images][3:] == ["二次元，图5"]
    assert again.data_version != report.data_version


def test_split_subset_limit_and_the_styles_own_caption(hub, tmp_path):
    assert [image.text for image in load(tmp_path, split="test").images] == ["二次元，图8"]
    report = load(tmp_path, subset="other", limit=1, caption_column=None)
    assert [(image.text, image.width, image.height) for image in report.images] == [("二次元", 400, 300)]
    assert "Bearer a-token-of-ours" in hub.tokens


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"image_column": "imag"}, "no column 'imag'; its columns: image, caption"),
        ({"dataset": "owner/pictuers"}, "404"),
    ],
)
def test_a_wrong_name_is_named(hub, tmp_path, fields, said):
    with pytest.raises(UserError, match=said) as caught:
        load(tmp_path, **fields)
    assert "source." in caught.value.fix


def test_the_data_sets_own_code_is_not_run(hub, tmp_path):
    hub.files["pictures.py"] = b"open('/nonexistent/ran', 'w')"
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert "code" in caught.value.fix


def test_an_archive_and_a_column_of_paths(hub, tmp_path):
    picture(50, 40, 1).save(tmp_path / "private.png")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for seed in range(2):
            image = io.BytesIO()
            picture(50, 40, seed).save(image, "PNG")
            file.writestr(f"pictures/{seed}.png", image.getvalue())
        file.writestr("pictures/metadata.csv", "file_name,text\n0.png,零\n1.png,一\n")
    hub.files.clear()
    hub.files |= {"README.md": b"# pictures\n", "pictures.zip": archive.getvalue()}
    assert [image.text for image in load(tmp_path, caption_column="text").images] == [
        "二次元，零",
        "二次元，一",
    ]

    hub.files.pop("pictures.zip")
    hub.files["train.csv"] = f"image,text\n{tmp_path / 'private.png'},a\nhttp://127.0.0.1/b.png,b\n".encode()
    with pytest.raises(UserError, match="none of 2 pictures can be used: 2 no_image"):
        load(tmp_path, caption_column="text")


def test_the_timeout_is_a_number_of_seconds(monkeypatch):
    monkeypatch.setenv("KOLORS_HUB_TIMEOUT", "soon")
    with pytest.raises(UserError, match="KOLORS_HUB_TIMEOUT"):
        hub_timeout()
