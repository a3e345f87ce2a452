"""Random numbers in bulk: 16 bits each, four to a draw of the generator.

Noise of a cloud and masks of attention weights are tens of millions of numbers a step; torch's
float and Bernoulli draws take 5 to 10 ns each on a CPU, these 1 to 2.
"""

import math

import torch
from jaxtyping import Float, Int16
from torch import Tensor

LEVELS = 2**16


def random_bits(
    shape: tuple[int, ...],
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Int16[Tensor, "*shape"]:
    """Uniform whole numbers from -32768 to 32767.

    Args:
        shape: How many.
        generator: Where they come from, on the CPU.
        device: Where they are drawn. On a GPU they are those of a generator there, which the given
            one seeds: not the CPU's numbers.
    """
    count, source = math.prod(shape), generator
    if torch.device(device).type != "cpu":
        seed = int(torch.randint(2**62, (), generator=generator))
        source = torch.Generator(device).manual_seed(seed)
    draws = torch.empty(-(-count // 4), dtype=torch.int64, device=device)
    draws.random_(-(2**63), None, generator=source)
    return draws.view(torch.int16)[:count].view(shape)


def kept(shape: tuple[int, ...], rate: float) -> Float[Tensor, "*shape"]:
    """Dropout's mask on the CPU: 0 with probability `rate` (to 1 / 65536), else 1 / (1 - rate)."""
    threshold = round(rate * LEVELS) - LEVELS // 2
    return (random_bits(shape) >= threshold).float().mul_(1.0 / (1.0 - rate))
