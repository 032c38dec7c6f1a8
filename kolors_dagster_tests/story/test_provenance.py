import json
import struct
import zlib
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from kolors_dagster.errors import UserError
from kolors_dagster.story.grid import write_jpeg
from kolors_dagster.story.provenance import (
    composed_record,
    is_draft,
    jpeg_comment,
    panel_record,
    panel_version,
    peek_record,
    pixel_hash,
    read_any_record,
    read_picture,
    read_record,
    write_composed,
    write_panel,
)
from kolors_dagster.story.recipe import recipe_key
from kolors_dagster_tests.story.pictures import RECIPE, make_noise, write_panels

FACTS = {"story": "星愿", "training": {"steps": 500}, "dataset_version": "d" * 64}


def read_chunks(path: Path) -> list[tuple[bytes, bytes]]:
    """Walk a PNG's chunks by its specification, checking each checksum."""
    content, at, chunks = path.read_bytes(), 8, []
    while at < len(content):
        (length,), kind = struct.unpack(">I", content[at : at + 4]), content[at + 4 : at + 8]
        body = content[at + 8 : at + 8 + length]
        assert struct.unpack(">I", content[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        chunks.append((kind, body))
        at += 12 + length
    return chunks


def test_record_and_pixels_come_back(tmp_path: Path):
    image = make_noise(1)
    path = write_panel(tmp_path / "1.png", image, panel_record(RECIPE, FACTS))
    picture, record = read_picture(path)
    assert picture.tobytes() == image.tobytes()
    assert record == {
        "recipe": asdict(RECIPE),
        "recipe_key": recipe_key(RECIPE),
        "draft": False,
        "pixels_sha256": pixel_hash(image),
        **FACTS,
    }


def test_chinese_is_utf8_in_the_file_itself(tmp_path: Path):
    path = write_panel(tmp_path / "1.png", make_noise(1), panel_record(RECIPE, FACTS))
    texts = [body for kind, body in read_chunks(path) if kind == b"iTXt"]
    _, record = next(body for body in texts if b"kolors_dagster\0" in body[:16]).split(b"\0", 1)
    assert json.loads(record[4:].decode())["story"] == "星愿"  # flags, language and keyword are empty
    assert any(b"parameters\0" in body[:11] and "紫色头发".encode() in body for body in texts)


def test_same_inputs_give_the_same_bytes(tmp_path: Path):
    first, second = (
        write_panel(tmp_path / name, make_noise(1), panel_record(RECIPE, FACTS))
        for name in ("a.png", "b.png")
    )
    assert first.read_bytes() == second.read_bytes()
    other = write_panel(tmp_path / "c.png", make_noise(2), panel_record(RECIPE, FACTS))
    assert other.read_bytes() != first.read_bytes()


def test_pixel_hash_sees_mode_size_and_pixels_but_not_the_encoding(tmp_path: Path):
    image = make_noise(3)
    turned = Image.frombytes("RGB", (48, 64), image.tobytes())
    other_mode = Image.frombytes("RGBA", (48, 48), image.tobytes())
    assert len({pixel_hash(image), pixel_hash(turned), pixel_hash(other_mode)}) == 3
    for level in (1, 9):
        image.save(tmp_path / f"{level}.png", compress_level=level)
        with Image.open(tmp_path / f"{level}.png") as again:
            assert pixel_hash(again) == pixel_hash(image)


def test_a_grid_carries_its_panels_records_in_order(tmp_path: Path):
    panels = write_panels(tmp_path)
    path = write_composed(tmp_path / "all.png", make_noise(4), composed_record("grid", panels))
    assert read_record(path)["panels"] == [read_record(panel) for panel in panels]
    assert [record["recipe"]["seed"] for record in read_record(path)["panels"]] == list(range(1, 9))


def test_a_grid_with_one_draft_in_it_is_a_draft(tmp_path: Path):
    panels = write_panels(tmp_path)
    assert not is_draft(composed_record("grid", panels))
    draft = panel_record(replace(RECIPE, draft=True), FACTS)
    write_panel(panels[4], make_noise(1), draft)
    record = composed_record("page", panels)
    assert is_draft(record) and [is_draft(panel) for panel in record["panels"]].count(True) == 1
    assert panel_version("a", draft=True) != panel_version("a", draft=False) == "a"


def test_a_jpeg_carries_the_record_of_the_lossless_grid(tmp_path: Path):
    panels, grid = write_panels(tmp_path), make_noise(4)
    record = composed_record("grid", panels)
    lossless = write_composed(tmp_path / "all.png", grid, record)
    path = write_jpeg(tmp_path / "all.jpg", grid, jpeg_comment(grid, record))
    assert read_any_record(path) == read_any_record(lossless) == read_record(lossless)
    plain = write_jpeg(tmp_path / "plain.jpg", grid)
    with pytest.raises(UserError, match="carries no record"):
        read_any_record(plain)


def test_a_record_too_long_for_a_jpeg_is_left_out_rather_than_cut(tmp_path: Path):
    grid = make_noise(4, (1024, 2048))
    room = 65_533 - len(jpeg_comment(grid, {"kind": ""}))
    longest = jpeg_comment(grid, {"kind": "x" * room})
    with Image.open(write_jpeg(tmp_path / "all.jpg", grid, longest)) as jpeg:
        assert jpeg.info["comment"] == longest
    assert jpeg_comment(grid, {"kind": "x" * (room + 1)}) == b""


def test_a_peek_finds_the_record_without_the_pixels(tmp_path: Path):
    path = write_panel(tmp_path / "1.png", make_noise(1), panel_record(RECIPE, FACTS))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"IDAT") + 4])
    record = peek_record(path)
    assert record is not None and record["story"] == "星愿"
    for content in (b"", b"text", whole[:40]):
        path.write_bytes(content)
        assert peek_record(path) is None


def repaint(path: Path) -> None:
    with Image.open(path) as image:
        info, changed = dict(image.text), image.copy()
    changed.putpixel((0, 0), tuple(255 - value for value in changed.getpixel((0, 0))))
    chunks = PngInfo()
    for key, text in info.items():
        chunks.add_itxt(key, text)
    changed.save(path, pnginfo=chunks)


def strip_record(path: Path) -> None:
    with Image.open(path) as image:
        image.load()
    image.save(path)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-600]), "damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:10]), "damaged"),
        (lambda path: path.write_bytes(b""), "damaged"),
        (lambda path: path.unlink(), "no such picture"),
        (repaint, "its pixels are not the ones"),
        (strip_record, "carries no record"),
    ],
)
def test_damage_is_seen_and_told(tmp_path: Path, damage, problem: str):
    path = write_panel(tmp_path / "1.png", make_noise(5), panel_record(RECIPE, FACTS))
    damage(path)
    with pytest.raises(UserError, match=problem) as caught:
        read_picture(path)
    assert str(path) in caught.value.problem
    assert "materialize" in caught.value.fix


def test_every_flipped_byte_of_the_pixels_is_seen(tmp_path: Path):
    path = write_panel(tmp_path / "1.png", make_noise(6, (16, 16)), panel_record(RECIPE, {}))
    whole = path.read_bytes()
    start = whole.index(b"IDAT") + 4
    length = struct.unpack(">I", whole[start - 8 : start - 4])[0]
    for at in range(start, start + length, 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(UserError):
            read_picture(path)
