"""Turn any picture into a clean RGB one, or say why not, before Data-Juicer sees it.

Data-Juicer loses the whole batch around one unreadable image, and judges a picture by its stored size,
before EXIF rotation; so everything odd about a file is settled here, one picture at a time.
"""

import hashlib
import io
import shutil
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

# From this many pixels Pillow itself warns of a decompression bomb (256 MiB of RGB).
MAX_PIXELS = 89_478_485
# Only these decoders run: others start programs (EPS) or are no pictures one trains on.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
_ORIENTATION = 0x0112
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error, zlib.error)


class BadImage(Exception):
    """A picture that cannot be used: `reason` is a short code, `detail` says it in words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class CleanImage:
    """A clean RGB picture on disk."""

    path: Path
    width: int
    height: int
    pixels_sha256: str


def clean_image(source: Path, folder: Path) -> CleanImage:
    """Write a clean 8-bit sRGB version of `source` into `folder`, named after its pixels; raises BadImage.

    A file that is clean already keeps its bytes, so that a JPEG is not compressed a second time; everything
    else becomes PNG, which loses nothing.
    """
    image, kept_as = _read_clean(source)
    pixels = _hash_pixels(image)
    path = folder / f"{pixels[:16]}{kept_as or '.png'}"
    if not path.exists():
        if kept_as:
            shutil.copyfile(source, path)
        else:
            image.save(path, compress_level=3)
    return CleanImage(path, image.width, image.height, pixels)


def hash_clean_pixels(source: Path) -> str:
    """Return the hash of a picture's pixels as `clean_image` would write them; raises BadImage."""
    return _hash_pixels(_read_clean(source)[0])


def _read_clean(source: Path) -> tuple[Image.Image, str | None]:
    """Return the clean RGB picture, and the suffix to keep its bytes under if they are clean as they are."""
    try:
        if source.stat().st_size == 0:
            raise BadImage("empty", "the file has no bytes")
        with warnings.catch_warnings():
            # The limit where Pillow warns is checked below, with a reason that names the size.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(source, formats=_FORMATS)
    except UnidentifiedImageError:
        raise BadImage("not_an_image", "no decoder knows its content, whatever its name says") from None
    except Image.DecompressionBombError:
        raise BadImage("too_many_pixels", f"more than twice the limit of {MAX_PIXELS:,} pixels") from None
    except _BROKEN as error:
        raise BadImage("unreadable", _say(error)) from None
    with opened as stored:
        _check_header(stored)
        try:
            stored.load()
            rotated = stored.getexif().get(_ORIENTATION, 1) != 1
            ImageOps.exif_transpose(stored, in_place=True)
        except _BROKEN as error:
            reason = "truncated" if "truncated" in str(error) else "unreadable"
            raise BadImage(reason, _say(error)) from None
        plain = stored.mode == "RGB" and not stored.has_transparency_data and not rotated
        profile = stored.info.get("icc_profile")
        if plain and _is_srgb(profile) and stored.format in ("JPEG", "MPO", "PNG"):
            return stored, ".png" if stored.format == "PNG" else ".jpg"
        try:
            return _to_rgb(stored, profile), None
        except _BROKEN as error:
            raise BadImage("unreadable", _say(error)) from None


def _check_header(stored: Image.Image) -> None:
    """Refuse by what the header says, before anything is decoded; raises BadImage."""
    width, height = stored.size
    if width * height > MAX_PIXELS:
        raise BadImage(
            "too_many_pixels", f"{width} × {height} = {width * height:,} pixels; the limit is {MAX_PIXELS:,}"
        )
    try:
        frames = getattr(stored, "n_frames", 1)
    except _BROKEN as error:
        raise BadImage("unreadable", _say(error)) from None
    # An MPO is a camera's JPEG with a preview or a depth map behind the picture; JPEG's decoder opens it.
    if frames > 1 and stored.format != "MPO":
        raise BadImage("animated", f"{frames} frames or pages in one {stored.format} file")


def _to_rgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode in _SIXTEEN_BIT or image.mode == "I":
        return _scale_16_bit(image).convert("RGB")
    if image.mode == "F":
        raise BadImage("unsupported_depth", "floating-point values say nothing of what is white")
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(coloured, mask=coloured.getchannel("A"))
    elif image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    if not _is_srgb(profile):
        image = _apply_profile(image, profile)
    return image.convert("RGB")


def _scale_16_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise BadImage("unsupported_depth", "32-bit values say nothing of what is white")
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _is_srgb(profile: bytes | None) -> bool:
    if not profile:
        return True
    try:
        return "srgb" in ImageCms.getProfileDescription(io.BytesIO(profile)).lower()
    except ImageCms.PyCMSError:
        return True  # an unusable profile: every viewer then takes the picture as sRGB


def _apply_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to sRGB by the picture's own ICC profile, where the profile is one for its kind of pixels."""
    try:
        converted = ImageCms.profileToProfile(
            image, io.BytesIO(profile or b""), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except ImageCms.PyCMSError:
        return image
    return image if converted is None else converted


def _hash_pixels(image: Image.Image) -> str:
    digest = hashlib.sha256(f"{image.width}x{image.height}".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


def _say(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
