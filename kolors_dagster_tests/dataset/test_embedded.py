"""The project's own drawings as a source."""

from kolors_dagster.dataset.raw import build_raw_dataset
from kolors_dagster.specs import EmbeddedSource, StyleSpec


def test_drawings_become_a_raw_dataset_that_repeats(tmp_path):
    source = EmbeddedSource(kind="embedded", drawing="ink_wash", count=2, seed=5)
    style = StyleSpec(name="s", trigger_words="水墨画", source=source)
    report = build_raw_dataset(style, tmp_path / "raw", tmp_path)
    assert (report.found, report.kept) == (2, 2)
    assert all(image.text.startswith("水墨画，") and len(image.text) > 8 for image in report.images)
    assert build_raw_dataset(style, tmp_path / "again", tmp_path) == report
