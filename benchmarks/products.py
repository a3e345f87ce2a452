"""The machine's own matrix product, which every rate is held against."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from benchmarks.clock import best_of

Size = tuple[int, int, int]  # rows, in, out


def product_rate(sizes: tuple[Size, ...]) -> float:
    """[FLOP/s] of plain float32 matrix products, by the CPU's time in one thread."""
    pairs = [(torch.randn(m, k), torch.randn(k, n)) for m, k, n in sizes]
    seconds = best_of(lambda: [a @ b for a, b in pairs], 10)
    flop = sum(2 * m * k * n for m, k, n in sizes)
    return flop / (seconds.cpu if torch.get_num_threads() == 1 else seconds.wall)


@contextmanager
def threads_set(number: int) -> Iterator[None]:
    """So many threads of torch meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    yield
    torch.set_num_threads(before)
