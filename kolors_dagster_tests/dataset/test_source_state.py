"""The state of a source changes when its pictures or captions do, and only then."""

import os

from kolors_dagster.dataset.source_state import describe_source_state
from kolors_dagster.specs import EmbeddedSource, ModelScopeSource, StyleSpec
from kolors_dagster_tests.dataset.pictures import folder_style, picture


def test_a_folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    picture(8, 8).save(folder / "a.png")
    style = folder_style(folder)
    states = [describe_source_state(style, tmp_path)]
    assert describe_source_state(style, tmp_path) == states[0]

    (folder / "notes.md").write_text("no caption")
    (folder / ".hidden.png").touch()
    assert describe_source_state(style, tmp_path) == states[0]

    picture(8, 8, 1).save(folder / "b.png")
    states.append(describe_source_state(style, tmp_path))
    (folder / "a.txt").write_text("caption")
    states.append(describe_source_state(style, tmp_path))
    os.utime(folder / "a.txt", (0, 0))
    states.append(describe_source_state(style, tmp_path))
    (folder / "b.png").rename(folder / "c.png")
    states.append(describe_source_state(style, tmp_path))
    folder.rename(tmp_path / "elsewhere")
    states.append(describe_source_state(style, tmp_path))
    assert len(set(states)) == len(states)


def test_other_sources_go_by_their_spec(tmp_path):
    def state(source):
        style = StyleSpec(name="s", trigger_words="s", source=source)
        return describe_source_state(style, tmp_path)

    drawn = EmbeddedSource(kind="embedded", drawing="anime")
    hub = ModelScopeSource(kind="modelscope", dataset="owner/name")
    assert state(drawn) == state(drawn) != state(drawn.model_copy(update={"seed": 1}))
    assert state(hub) == state(hub) != state(hub.model_copy(update={"limit": 1}))
