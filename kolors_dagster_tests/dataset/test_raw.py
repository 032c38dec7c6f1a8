"""From a folder to images, captions and rejects, with nothing lost in between."""

import json
import os

import pytest
from PIL import Image

from kolors_dagster.dataset.jsonl import read_jsonl
from kolors_dagster.dataset.raw import build_raw_dataset
from kolors_dagster.errors import UserError
from kolors_dagster.hashing import hash_file
from kolors_dagster_tests.dataset.pictures import folder_style, picture


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "source"
    (source / "below").mkdir(parents=True)
    picture(40, 30, 0).save(source / "a.jpg")
    picture(40, 30, 1).save(source / "b.png")
    picture(40, 30, 2).save(source / "below" / "c.WEBP")
    return source


def texts(output):
    return [row["text"] for row in read_jsonl(output / "metadata.jsonl")]


def rejects(output):
    return {row["source"]: row["reason"] for row in read_jsonl(output / "rejects.jsonl")}


def test_every_file_is_kept_or_rejected(folder, tmp_path):
    (folder / "copy.jpg").write_bytes((folder / "a.jpg").read_bytes())
    picture(40, 30, 1).save(folder / "same-pixels.bmp")
    (folder / "empty.png").touch()
    (folder / "notes.md").write_text("no picture")
    (folder / ".hidden.jpg").write_bytes((folder / "a.jpg").read_bytes())
    output = tmp_path / "raw"
    report = build_raw_dataset(folder_style(folder), output, tmp_path)
    assert (report.found, report.kept, report.rejected, report.ignored) == (6, 3, 3, 1)
    assert report.reasons == {"duplicate": 2, "empty": 1}
    assert rejects(output) == {"copy.jpg": "duplicate", "same-pixels.bmp": "duplicate", "empty.png": "empty"}
    rows = read_jsonl(output / "metadata.jsonl")
    assert [row["image"] for row in rows] == [[image.file] for image in report.images]
    assert [image.source for image in report.images] == ["a.jpg", "b.png", "below/c.WEBP"]
    for image in report.images:
        assert hash_file(output / image.file) == image.sha256
        with Image.open(output / image.file) as stored:
            assert (stored.mode, stored.size) == ("RGB", (image.width, image.height))
    assert len(list((output / "images").iterdir())) == 3


def test_own_caption_then_the_styles_then_the_trigger_words(folder, tmp_path):
    (folder / "a.txt").write_text("  山\n间小屋 ", encoding="utf-8-sig")
    (folder / "b.txt").write_text("一幅水墨画，竹林", encoding="utf-8")
    build_raw_dataset(folder_style(folder, caption="风景"), tmp_path / "raw", tmp_path)
    assert texts(tmp_path / "raw") == ["水墨画，山 间小屋", "一幅水墨画，竹林", "水墨画，风景"]
    build_raw_dataset(folder_style(folder), tmp_path / "raw", tmp_path)
    assert texts(tmp_path / "raw")[2] == "水墨画"


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_captions_from_a_metadata_file(folder, tmp_path, kind):
    rows = [("a.jpg", '山, "水"'), ("below/c.WEBP", "船"), ("gone.jpg", "?"), ("../out.jpg", "?")]
    if kind == "csv":
        quoted = [name + ',"' + text.replace('"', '""') + '"' for name, text in rows]
        content = "\n".join(["file_name,text", *quoted])
    else:
        content = "\n".join(json.dumps({"file_name": name, "text": text}) for name, text in rows)
    (folder / f"metadata.{kind}").write_text(content, encoding="utf-8-sig")
    report = build_raw_dataset(folder_style(folder), tmp_path / "raw", tmp_path)
    assert texts(tmp_path / "raw") == ['水墨画，山, "水"', "水墨画", "水墨画，船"]
    assert rejects(tmp_path / "raw") == {"gone.jpg": "missing_file", "../out.jpg": "outside_folder"}
    assert report.found == 5


def test_two_different_captions_are_refused_and_two_equal_ones_not(folder, tmp_path):
    (folder / "metadata.csv").write_text("file_name,text\na.jpg,one\nb.png,same\n")
    (folder / "a.txt").write_text("two")
    (folder / "b.txt").write_text("same\n")
    build_raw_dataset(folder_style(folder), tmp_path / "raw", tmp_path)
    (row,) = read_jsonl(tmp_path / "raw" / "rejects.jsonl")
    assert row["source"] == "a.jpg" and "metadata.csv:2" in row["detail"] and "a.txt" in row["detail"]
    assert texts(tmp_path / "raw")[0] == "水墨画，same"


def test_a_metadata_file_without_its_columns_says_so(folder, tmp_path):
    (folder / "metadata.csv").write_text("image,caption\na.jpg,one\n")
    with pytest.raises(UserError, match=r"metadata\.csv:1: columns are image, caption"):
        build_raw_dataset(folder_style(folder), tmp_path / "raw", tmp_path)


def test_links_out_of_the_folder_are_not_followed(folder, tmp_path):
    private = tmp_path / "private"
    private.mkdir()
    picture(40, 30, 9).save(private / "p.jpg")
    (folder / "link.jpg").symlink_to(private / "p.jpg")
    (folder / "linked").symlink_to(private)
    (folder / "dangling.jpg").symlink_to(private / "gone.jpg")
    report = build_raw_dataset(folder_style(folder), tmp_path / "raw", tmp_path)
    assert report.kept == 3
    assert rejects(tmp_path / "raw") == {"link.jpg": "outside_folder", "dangling.jpg": "missing_file"}


def test_the_same_pictures_give_the_same_bytes_and_version(folder, tmp_path):
    first = build_raw_dataset(folder_style(folder), tmp_path / "one", tmp_path)
    for file in folder.rglob("*.*"):
        os.utime(file, (0, 0))
    second = build_raw_dataset(folder_style(folder), tmp_path / "two", tmp_path)
    assert first == second
    for file in (tmp_path / "one").rglob("*"):
        if file.is_file():
            assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()
    (folder / "a.txt").write_text("new")
    assert (
        build_raw_dataset(folder_style(folder), tmp_path / "two", tmp_path).data_version != first.data_version
    )


def test_nothing_usable_leaves_the_previous_output(folder, tmp_path):
    output = tmp_path / "raw"
    before = build_raw_dataset(folder_style(folder), output, tmp_path)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.jpg").touch()
    with pytest.raises(UserError, match="none of 1 pictures can be used: 1 empty"):
        build_raw_dataset(folder_style(broken), output, tmp_path)
    (broken / "a.jpg").unlink()
    with pytest.raises(UserError, match="no picture in it"):
        build_raw_dataset(folder_style(broken), output, tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        build_raw_dataset(folder_style(tmp_path / "gone"), output, tmp_path)
    assert len(texts(output)) == before.kept
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "raw", "source"]


def test_a_path_may_be_relative_to_the_data_root(folder, tmp_path):
    style = folder_style("source")
    assert build_raw_dataset(style, tmp_path / "raw", tmp_path).kept == 3
