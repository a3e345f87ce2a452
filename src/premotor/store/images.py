"""Lossless images: RGB as PNG, depth as 16-bit PNG in steps of 0.1 mm."""

import io

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

DEPTH_STEP = 1e-4  # [m]
DEPTH_RANGE = 65535 * DEPTH_STEP  # [m] what lies beyond is stored as this
_LEVEL = 2  # of zlib; higher costs three times the time for a tenth of the bytes


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=_LEVEL)
    return buffer.getvalue()


def encode_rgb(rgb: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """PNG of a color image."""
    return _png(Image.fromarray(rgb))


def decode_rgb(data: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """Color image of a PNG."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def encode_depth(depth: Float[np.ndarray, "h w"]) -> bytes:
    """16-bit PNG of a depth image [m]; nothing seen (not finite) is stored as the full range."""
    finite = np.nan_to_num(depth, nan=DEPTH_RANGE, posinf=DEPTH_RANGE, neginf=0.0)
    steps = np.clip(np.round(finite.astype(np.float64) / DEPTH_STEP), 0, 65535)
    return _png(Image.fromarray(steps.astype(np.uint16)))


def decode_depth(data: bytes) -> Float[np.ndarray, "h w"]:
    """Depth image [m], float32, of a 16-bit PNG."""
    with Image.open(io.BytesIO(data)) as image:
        steps = np.asarray(image).astype(np.float64)
    return (steps * DEPTH_STEP).astype(np.float32)
