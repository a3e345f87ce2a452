"""Lossless images: RGB as PNG, depth as 16-bit PNG in steps of 0.1 mm."""

import io
import struct
import zlib

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from premotor.errors import DataError

DEPTH_STEP = 1e-4  # [m]
DEPTH_RANGE = 65535 * DEPTH_STEP  # [m] what lies beyond is stored as this
MAX_SIDE = 4096  # [px] no image of ours is larger
_LEVEL = 2  # of zlib; higher costs three times the time for a tenth of the bytes
_HEAD = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"  # of every PNG (PNG specification, 5.2 and 11.2.2)
_RGB, _DEPTH = (8, 2), (16, 0)  # bits per sample and color type
_KINDS = {0: "gray", 2: "RGB", 3: "palette", 4: "gray with alpha", 6: "RGB with alpha"}
_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, OverflowError)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=_LEVEL)
    return buffer.getvalue()


def encode_rgb(rgb: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """PNG of a color image."""
    return _png(Image.fromarray(rgb))


def decode_rgb(data: bytes, size: tuple[int, int] | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """Color image of a PNG.

    Args:
        data: The file.
        size: Height and width [px] that it must have; any up to `MAX_SIDE` where None.

    Raises:
        DataError: It is no PNG of 8-bit RGB of that size; little memory was asked for.
    """
    return np.asarray(_opened(data, _RGB, size).convert("RGB"))


def encode_depth(depth: Float[np.ndarray, "h w"]) -> bytes:
    """16-bit PNG of a depth image [m]; nothing seen (not finite) is stored as the full range."""
    finite = np.nan_to_num(depth, nan=DEPTH_RANGE, posinf=DEPTH_RANGE, neginf=0.0)
    steps = np.clip(np.round(finite.astype(np.float64) / DEPTH_STEP), 0, 65535)
    return _png(Image.fromarray(steps.astype(np.uint16)))


def decode_depth(data: bytes, size: tuple[int, int] | None = None) -> Float[np.ndarray, "h w"]:
    """Depth image [m], float32, of a 16-bit PNG.

    Args:
        data: The file.
        size: Height and width [px] that it must have; any up to `MAX_SIDE` where None.

    Raises:
        DataError: It is no PNG of 16-bit gray of that size; little memory was asked for.
    """
    steps = np.asarray(_opened(data, _DEPTH, size)).astype(np.float64)
    return (steps * DEPTH_STEP).astype(np.float32)


def check_rgb(data: bytes, size: tuple[int, int] | None = None) -> None:
    """Refuse a PNG whose header says that it is not 8-bit RGB of a size; nothing is decoded."""
    _check_header(data, _RGB, size)


def check_depth(data: bytes, size: tuple[int, int] | None = None) -> None:
    """Refuse a PNG whose header says that it is not 16-bit gray of a size; nothing is decoded."""
    _check_header(data, _DEPTH, size)


def _check_header(
    data: bytes, kind: tuple[int, int], size: tuple[int, int] | None
) -> tuple[int, int]:
    if not data.startswith(_HEAD) or len(data) < len(_HEAD) + 10:
        raise DataError(f"{len(data)} bytes that are no PNG came; expected a whole one")
    width, height, bits, color = struct.unpack_from(">IIBB", data, len(_HEAD))
    if (bits, color) != kind:
        raise DataError(f"a PNG of {_in_words(bits, color)} came; expected {_in_words(*kind)}")
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE) or size not in {
        None,
        (height, width),
    }:
        wanted = f"at most {MAX_SIDE} x {MAX_SIDE}" if size is None else f"{size[0]} x {size[1]}"
        raise DataError(f"a PNG of {height} x {width} px came; expected {wanted}")
    return height, width


def _in_words(bits: int, color: int) -> str:
    return f"{bits}-bit {_KINDS.get(color, f'color type {color}')}"


def _opened(data: bytes, kind: tuple[int, int], size: tuple[int, int] | None) -> Image.Image:
    """The decoded image; a second header that says something else is not believed."""
    height, width = _check_header(data, kind, size)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.size != (width, height):
                raise DataError(f"a PNG of two sizes, {image.size} and {(width, height)}, came")
            image.load()
            if image.size != (width, height):
                raise DataError(f"a PNG of two sizes, {image.size} and {(width, height)}, came")
            return image
    except (*_UNREADABLE, Image.DecompressionBombError) as error:
        raise DataError(f"a PNG that cannot be decoded came: {error}") from error
