import logging
from dataclasses import replace
from pathlib import Path

import pytest

from kolors_dagster.story.provenance import panel_record, read_picture, write_panel
from kolors_dagster.story.recipe import recipe_key
from kolors_dagster.story.store import PanelStore
from kolors_dagster_tests.story.pictures import RECIPE, make_noise

KEY = recipe_key(RECIPE)


def test_a_stored_panel_is_found_under_its_key_alone(tmp_path: Path):
    store, image = PanelStore(tmp_path), make_noise(1)
    assert store.find(KEY) is None
    path = store.put(KEY, image, panel_record(RECIPE, {"story": "s"}))
    assert path == tmp_path / KEY[:2] / f"{KEY}.png"
    assert store.find(KEY) == path
    assert read_picture(path)[0].tobytes() == image.tobytes()
    assert store.find(recipe_key(replace(RECIPE, seed=1))) is None
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == [f"{KEY}.png"]


def test_a_damaged_panel_is_reported_and_counts_as_absent(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    store = PanelStore(tmp_path)
    path = store.put(KEY, make_noise(1), panel_record(RECIPE, {}))
    path.write_bytes(path.read_bytes()[:-200])
    with caplog.at_level(logging.WARNING):
        assert store.find(KEY) is None
    assert str(path) in caplog.text and "damaged" in caplog.text
    store.put(KEY, make_noise(1), panel_record(RECIPE, {}))
    assert store.find(KEY) == path


def test_a_panel_of_another_recipe_is_not_handed_out(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    store, other = PanelStore(tmp_path), replace(RECIPE, seed=1)
    write_panel(store.path(KEY), make_noise(1), panel_record(other, {}))  # someone renamed a file
    with caplog.at_level(logging.WARNING):
        assert store.find(KEY) is None
    assert "another recipe" in caplog.text
    with pytest.raises(ValueError, match="is of recipe"):
        store.put(KEY, make_noise(1), panel_record(other, {}))


def test_the_store_lies_below_the_data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KOLORS_DATA", str(tmp_path))
    assert PanelStore().path(KEY) == tmp_path / "assets" / "panel_store" / KEY[:2] / f"{KEY}.png"
