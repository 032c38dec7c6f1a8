"""Each odd kind of file becomes a clean RGB picture with the right colours, or is refused with a reason."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from kolors_dagster.dataset.hygiene import BadImage, clean_image
from kolors_dagster_tests.dataset.pictures import picture


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def cleaned(source: Path, out: Path) -> Image.Image:
    clean = clean_image(source, out)
    with Image.open(clean.path) as image:
        image.load()
        assert image.mode == "RGB"
        assert (clean.width, clean.height) == image.size
        return image.copy()


def reason(source: Path, out: Path) -> str:
    with pytest.raises(BadImage) as caught:
        clean_image(source, out)
    assert caught.value.detail
    assert list(out.iterdir()) == []
    return caught.value.reason


@pytest.mark.parametrize(("name", "options"), [("a.jpg", {"quality": 80}), ("a.png", {})])
def test_a_clean_file_keeps_its_bytes(tmp_path, out, name, options):
    picture(40, 30).save(tmp_path / name, **options)
    clean = clean_image(tmp_path / name, out)
    assert clean.path.read_bytes() == (tmp_path / name).read_bytes()
    assert clean.path.suffix == Path(name).suffix


@pytest.mark.parametrize("suffix", ["webp", "bmp", "gif", "tif", "avif"])
def test_other_formats_become_png_with_the_same_pixels(tmp_path, out, suffix):
    source = tmp_path / f"a.{suffix}"
    picture(40, 30).save(source)
    with Image.open(source) as stored:
        expected = stored.convert("RGB")
    assert cleaned(source, out).tobytes() == expected.tobytes()


def test_same_pixels_have_the_same_name_whatever_the_file(tmp_path, out):
    picture(40, 30).save(tmp_path / "a.png")
    picture(40, 30).save(tmp_path / "a.bmp")
    assert clean_image(tmp_path / "a.png", out) == clean_image(tmp_path / "a.bmp", out)


def test_files_without_a_picture(tmp_path, out):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "page.jpg").write_text("<html>404</html>")
    (tmp_path / "drawing.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    assert reason(tmp_path / "empty.jpg", out) == "empty"
    assert reason(tmp_path / "page.jpg", out) == "not_an_image"
    assert reason(tmp_path / "drawing.png", out) == "not_an_image"
    assert reason(tmp_path / "gone.jpg", out) == "unreadable"


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tif"])
def test_half_a_file(tmp_path, out, suffix):
    source = tmp_path / f"a.{suffix}"
    picture(400, 300).save(source)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    assert reason(source, out) in ("truncated", "unreadable")


def test_a_png_with_a_damaged_middle(tmp_path, out):
    source = tmp_path / "a.png"
    picture(200, 100).save(source)
    data = bytearray(source.read_bytes())
    data[len(data) // 2] ^= 0xFF
    source.write_bytes(data)
    assert reason(source, out) == "unreadable"


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_more_than_one_frame(tmp_path, out, suffix):
    source = tmp_path / f"a.{suffix}"
    picture(40, 30).save(source, save_all=True, append_images=[picture(40, 30, 1)])
    assert reason(source, out) == "animated"


def test_a_cameras_two_picture_jpeg_is_its_first(tmp_path, out):
    source = tmp_path / "a.jpg"
    picture(40, 30).save(source, "MPO", save_all=True, append_images=[picture(20, 10, 1)])
    assert cleaned(source, out).size == (40, 30)


def test_cmyk(tmp_path, out):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    assert np.abs(np.asarray(cleaned(tmp_path / "a.jpg", out)).astype(int) - [255, 0, 0]).max() <= 3


def test_a_colour_profile_is_obeyed(tmp_path, out):
    # The sRGB profile with its red and green exchanged: what such a picture stores as red is green.
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132])
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        profile[green + 4 : green + 12],
        profile[red + 4 : red + 12],
    )
    swapped = bytes(profile).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "a.png", icc_profile=swapped)
    assert np.abs(np.asarray(cleaned(tmp_path / "a.png", out)).astype(int) - [0, 255, 0]).max() <= 2


def test_an_srgb_profile_changes_nothing(tmp_path, out):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture(40, 30).save(tmp_path / "a.jpg", icc_profile=profile)
    assert clean_image(tmp_path / "a.jpg", out).path.read_bytes() == (tmp_path / "a.jpg").read_bytes()


def test_a_broken_profile_is_no_reason_to_lose_a_picture(tmp_path, out):
    picture(40, 30).save(tmp_path / "a.png", icc_profile=b"not a profile")
    assert cleaned(tmp_path / "a.png", out).tobytes() == picture(40, 30).tobytes()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path, out, suffix):
    source = tmp_path / f"a.{suffix}"
    Image.fromarray(np.array([[0, 257, 32896, 65535]], dtype=np.uint16)).save(source)
    assert np.asarray(cleaned(source, out))[0, :, 1].tolist() == [0, 1, 128, 255]


def test_floats_and_large_integers_have_no_white(tmp_path, out):
    Image.fromarray(np.ones((4, 4), dtype=np.float32)).save(tmp_path / "f.tif")
    Image.fromarray(np.full((4, 4), 70000, dtype=np.int32)).save(tmp_path / "i.tif")
    assert reason(tmp_path / "f.tif", out) == "unsupported_depth"
    assert reason(tmp_path / "i.tif", out) == "unsupported_depth"


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_few_colours_become_rgb(tmp_path, out, mode):
    few = picture(40, 30).convert(mode)
    few.save(tmp_path / "a.png")
    assert cleaned(tmp_path / "a.png", out).tobytes() == few.convert("RGB").tobytes()


def test_transparency_is_laid_on_white(tmp_path, out):
    Image.new("RGBA", (4, 4), (255, 0, 0, 51)).save(tmp_path / "rgba.png")
    Image.new("LA", (4, 4), (0, 0)).save(tmp_path / "la.png")
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    palette.save(tmp_path / "p.png", transparency=1)
    assert np.asarray(cleaned(tmp_path / "rgba.png", out))[0, 0].tolist() == [255, 204, 204]
    assert np.asarray(cleaned(tmp_path / "la.png", out))[0, 0].tolist() == [255, 255, 255]
    assert np.asarray(cleaned(tmp_path / "p.png", out))[0, 0].tolist() == [255, 255, 255]


def test_a_turned_camera_is_turned_back(tmp_path, out):
    stored = picture(40, 30)
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is at the right of the stored picture
    stored.save(tmp_path / "a.png", exif=exif)
    assert cleaned(tmp_path / "a.png", out).tobytes() == stored.rotate(-90, expand=True).tobytes()


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_bomb_is_refused_unopened(tmp_path, out, side, recwarn):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    file = io.BytesIO(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")))
    (tmp_path / "a.png").write_bytes(file.getvalue())
    assert reason(tmp_path / "a.png", out) == "too_many_pixels"
    assert not recwarn.list
