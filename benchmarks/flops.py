"""Floating-point operations of a call, torch's fused attention for CPUs included."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import (
    FlopCounterMode,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

Shape = torch.Size


def count(function: Callable[[], object]) -> float:
    """Operations (2 per multiply-add) of the matrix products, convolutions and attention."""
    with FlopCounterMode(display=False, custom_mapping=_FUSED) as counter:
        function()
    return float(counter.get_total_flops())


def _forward(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _backward(gradient: Shape, query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    return sdpa_backward_flop_count(gradient, query, key, value)


# torch counts the fused kernels of GPUs only (2.13).
_FUSED = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _forward,  # noqa: SLF001
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _backward,  # noqa: SLF001
}
