"""A whole data set, then one thing missing from it at a time."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kolors_dagster.dataset.completeness import (
    FilesReport,
    find_too_few,
    inspect_filtered,
    inspect_processed,
    inspect_raw,
)
from kolors_dagster.dataset.export import export_dataset
from kolors_dagster.dataset.jsonl import read_jsonl, write_jsonl
from kolors_dagster.dataset.raw import build_raw_dataset
from kolors_dagster_tests.dataset.pictures import folder_style, picture


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures and a broken one; the filters keep two."""
    root = tmp_path_factory.mktemp("whole")
    source = root / "source"
    source.mkdir()
    for number in range(3):
        picture(64, 48, number).save(source / f"{number}.{'jpg' if number == 1 else 'png'}")
    (source / "broken.png").write_bytes(b"no picture")
    build_raw_dataset(folder_style(source), root / "raw", root)
    rows = read_jsonl(root / "raw" / "metadata.jsonl")
    (root / "filtered").mkdir()
    write_jsonl(root / "filtered" / "result.jsonl", rows[:2])
    rejects = [{**row, "operator": "image_shape_filter", "stats": {}} for row in rows[2:]]
    write_jsonl(root / "filtered" / "rejects.jsonl", rejects)
    export_dataset(root / "raw", root / "filtered", root / "processed")
    return root


@pytest.fixture
def stages(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "stages")


def inspect(root: Path) -> dict[str, FilesReport]:
    raw, filtered, processed = (root / name for name in ("raw", "filtered", "processed"))
    return {
        "raw": inspect_raw(raw),
        "filtered": inspect_filtered(raw, filtered),
        "processed": inspect_processed(filtered, processed),
    }


def test_a_whole_data_set_has_no_problems_and_its_counts(stages: Path) -> None:
    reports = inspect(stages)
    assert [report.problems for report in reports.values()] == [[], [], []]
    assert reports["raw"].numbers == {
        "rows": 3,
        "missing": 0,
        "unreadable": 0,
        "without_row": 0,
        "rejected": 1,
    }
    assert (reports["filtered"].rows, reports["filtered"].rejected, reports["processed"].rows) == (2, 1, 2)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def drop_last_line(path: Path) -> None:
    path.write_text(
        "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8"
    )


def nth(root: Path, number: int) -> Path:
    return root / "raw" / read_jsonl(root / "raw" / "metadata.jsonl")[number]["image"][0]


@pytest.mark.parametrize(
    ("break_it", "stage", "problem"),
    [
        (lambda root: nth(root, 0).unlink(), "raw", "1 rows name a picture that is not there: images/"),
        (lambda root: nth(root, 0).unlink(), "filtered", "1 rows name a picture that is not there: images/"),
        (lambda root: cut_short(nth(root, 0)), "raw", "1 pictures cannot be read: images/"),
        (lambda root: cut_short(nth(root, 1)), "raw", "1 pictures cannot be read: images/"),
        (lambda root: drop_last_line(root / "raw/metadata.jsonl"), "raw", "1 pictures have no row: images/"),
        (
            lambda root: drop_last_line(root / "filtered/rejects.jsonl"),
            "filtered",
            "3 rows came in, but 2 are kept and 0 rejected",
        ),
        (
            lambda root: (root / "processed/train/000001.jpg").unlink(),
            "processed",
            "1 rows name a picture that is not there: 000001.jpg",
        ),
        (
            lambda root: cut_short(root / "processed/train/000000.jpg"),
            "processed",
            "1 pictures cannot be read: 000000.jpg",
        ),
        (
            lambda root: drop_last_line(root / "processed/train/metadata.csv"),
            "processed",
            "2 rows passed the filters, but 1 are here",
        ),
    ],
)
def test_what_is_missing_is_named(
    stages: Path, break_it: Callable[[Path], None], stage: str, problem: str
) -> None:
    break_it(stages)
    assert any(found.startswith(problem) for found in inspect(stages)[stage].problems)


def test_three_pictures_are_the_fewest() -> None:
    assert find_too_few(3) == [] and len(find_too_few(2)) == 1
