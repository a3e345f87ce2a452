"""Generated textures: wood, brushed metal, and any image as the material of a surface."""

from functools import cache
from itertools import pairwise

import mujoco
import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import gaussian_filter

LIGHT_WOOD = (214, 172, 100)

# What chrome mirrors: where around it, how wide (both in turns), how much lighter or darker.
_REFLECTIONS = (
    (0.06, 0.045, 0.24),
    (0.17, 0.030, -0.40),
    (0.30, 0.070, 0.22),
    (0.45, 0.035, -0.28),
    (0.55, 0.050, 0.24),
    (0.67, 0.030, -0.42),
    (0.80, 0.070, 0.22),
    (0.94, 0.030, -0.25),
)

Image = UInt8[np.ndarray, "h w 3"]


def noise(
    shape: tuple[int, int], sigma: tuple[float, float], seed: int
) -> Float[np.ndarray, "h w"]:
    """Smooth periodic noise of unit spread."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return field / field.std()


def shade(rgb: tuple[int, int, int], gain: Float[np.ndarray, "h w"]) -> Image:
    """One color, lighter and darker by a gain per pixel."""
    return np.clip(np.asarray(rgb) * gain[..., None], 0, 255).astype(np.uint8)


@cache
def wood(rgb: tuple[int, int, int] = LIGHT_WOOD, size: int = 512, planks: int = 7) -> Image:
    """Glued planks of wood, the grain along the columns; one plank gives plain grain."""
    grain = noise((size, size), (0.8, 40.0), 1)
    rings = np.sin(2 * np.pi * (noise((size, size), (10.0, 90.0), 2) * 1.4))
    gain = 1.0 + 0.030 * grain + 0.035 * rings
    rng = np.random.default_rng(3)
    edges = np.linspace(0, size, planks + 1).astype(int)
    for low, high in pairwise(edges if planks > 1 else ()):
        gain[low:high] = np.roll(gain[low:high], int(rng.integers(size)), axis=1)
        gain[low:high] *= 1.0 + 0.035 * rng.standard_normal()
        gain[low : low + 1] *= 0.86
    return shade(rgb, gain)


@cache
def brushed(rgb: tuple[int, int, int] = (190, 192, 196), size: int = 256) -> Image:
    """Metal brushed along the columns."""
    return shade(rgb, 1.0 + 0.035 * noise((size, size), (0.6, 30.0), 7))


@cache
def chrome(rgb: tuple[int, int, int] = (226, 230, 236), size: int = 256) -> Image:
    """Polished metal for what is round: bands of a bright room once around, along the columns."""
    around = np.arange(size) / size
    gain = np.full(size, 0.80)
    for middle, width, change in _REFLECTIONS:
        away = np.abs((around - middle + 0.5) % 1.0 - 0.5)
        gain += change * np.exp(-((away / width) ** 2))
    return shade(rgb, np.tile(gain, (16, 1)))


def add_texture(
    spec: mujoco.MjSpec, name: str, image: Image, repeat: tuple[float, float], shine: float
) -> str:
    """A material that shows an image, upright; `repeat` per unit of texture coordinates."""
    height, width, _ = image.shape
    texture = spec.add_texture(
        name=name,
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        width=width,
        height=height,
        nchannel=3,
    )
    texture.data = np.ascontiguousarray(image[::-1]).tobytes()
    material = spec.add_material(name=name, texrepeat=repeat, specular=shine, shininess=0.4)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    return name
