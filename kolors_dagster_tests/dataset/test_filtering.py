"""The real dj-process: what it keeps, what is said of the rest, and what a mistake looks like."""

import os

import pytest
import yaml

from kolors_dagster.dataset.filtering import filter_dataset
from kolors_dagster.dataset.jsonl import read_jsonl
from kolors_dagster.dataset.raw import build_raw_dataset
from kolors_dagster.errors import UserError
from kolors_dagster.specs.style import DEFAULT_PROCESS
from kolors_dagster_tests.dataset.pictures import folder_style, picture

SIZES = [(1200, 800), (800, 600), (1024, 1024), (2200, 1024), (300, 1400), (1030, 1500), (1023, 1023)]


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    for index, size in enumerate(SIZES):
        picture(*size, index).save(folder / f"{index}.jpg")
        (folder / f"{index}.txt").write_text("字" * (index + 1), encoding="utf-8")
    output = tmp_path_factory.mktemp("out") / "raw"
    build_raw_dataset(folder_style(folder), output, folder)
    return output


def test_the_default_filters(raw, tmp_path):
    before = sorted(path.name for path in raw.rglob("*"))
    report = filter_dataset(raw, DEFAULT_PROCESS, tmp_path / "filtered")
    rows = read_jsonl(raw / "metadata.jsonl")
    # Worked out by hand from SIZES: both sides at least 1024, then width / height within 0.5 to 2.
    assert read_jsonl(tmp_path / "filtered" / "result.jsonl") == [rows[2], rows[5]]
    rejects = read_jsonl(tmp_path / "filtered" / "rejects.jsonl")
    assert [row["operator"] for row in rejects] == [
        "image_shape_filter",
        "image_shape_filter",
        "image_aspect_ratio_filter",
        "image_shape_filter",
        "image_shape_filter",
    ]
    assert rejects[0]["stats"] == {"image_width": [1200], "image_height": [800]}
    assert rejects[2]["stats"]["aspect_ratios"] == [pytest.approx(2200 / 1024)]
    assert report.funnel == (("image_shape_filter", 7, 3), ("image_aspect_ratio_filter", 3, 2))
    assert (report.total, report.kept, report.rejected) == (7, 2, 5)
    recipe = yaml.safe_load((tmp_path / "filtered" / "data_juicer.yaml").read_text())
    assert recipe["process"] == DEFAULT_PROCESS
    assert "Left 3 samples" in (tmp_path / "filtered" / "data_juicer.log").read_text()
    assert sorted(path.name for path in raw.rglob("*")) == before


def test_an_operator_twice_a_deduplicator_and_the_caption(raw, tmp_path):
    process = [
        {"text_length_filter": {"min_len": 1, "max_len": 10}},
        {"document_deduplicator": {}},
        {"text_length_filter": {"min_len": 6, "max_len": 99}},
    ]
    report = filter_dataset(raw, process, tmp_path / "filtered")
    # Captions are "水墨画，" and 1 to 7 characters: 5 to 11, without Data-Juicer's image token.
    assert [(before, after) for _, before, after in report.funnel] == [(7, 6), (6, 6), (6, 5)]
    rejects = read_jsonl(tmp_path / "filtered" / "rejects.jsonl")
    assert [row["stats"]["text_len"] for row in rejects] == [5, 11]
    assert all(
        str(tmp_path) not in (tmp_path / "filtered" / name).read_text()
        for name in ("result.jsonl", "rejects.jsonl", "data_juicer.yaml")
    )


def test_no_operators_keep_everything(raw, tmp_path):
    report = filter_dataset(raw, [], tmp_path / "filtered")
    assert (report.kept, report.rejected, report.funnel) == (7, 0, ())
    assert read_jsonl(tmp_path / "filtered" / "result.jsonl") == read_jsonl(raw / "metadata.jsonl")


def test_nothing_left_says_who_removed_how_many(raw, tmp_path):
    (tmp_path / "filtered").mkdir()
    (tmp_path / "filtered" / "result.jsonl").write_text("the good one")
    process = [{"image_shape_filter": {"min_width": 5000}}, {"image_aspect_ratio_filter": {"min_ratio": 0.1}}]
    with pytest.raises(UserError, match="no picture is left of 7: image_shape_filter removed 7 of 7"):
        filter_dataset(raw, process, tmp_path / "filtered")
    assert (tmp_path / "filtered" / "result.jsonl").read_text() == "the good one"


@pytest.mark.parametrize(
    ("process", "said"),
    [
        (
            [{"image_shap_filter": {}}, {"image_shape_filter": {"min_widht": 9}}],
            r"image_shap_filter.*image_shape_filter.*; \[image_shape_filter\].*min_widht.*min_width",
        ),
        (
            [{"image_aspect_ratio_filter": {}}, {"image_shape_filter": {"any_or_all": "some"}}],
            r"process: image_shape_filter: ValueError: .*some",
        ),
        (
            [{"language_id_score_filter": {"lang": "zh"}}],
            r"language_id_score_filter: needs the package fasttext",
        ),
    ],
)
def test_a_mistake_names_its_operator(raw, tmp_path, process, said):
    with pytest.raises(UserError, match=said) as caught:
        filter_dataset(raw, process, tmp_path / "filtered")
    assert "Traceback" not in str(caught.value)
    assert caught.value.fix
    assert os.listdir(tmp_path) == []


def test_an_operator_that_makes_pictures_is_refused_and_leaves_the_raw_ones(raw, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in raw.rglob("*")}
    with pytest.raises(UserError, match="pictures it was not given"):
        filter_dataset(raw, [{"image_blur_mapper": {"p": 1.0}}], tmp_path / "filtered")
    assert {path: path.stat().st_mtime_ns for path in raw.rglob("*")} == before
