"""Where networks run: a GPU where there is one, unless somebody says otherwise."""

from typing import Literal

import torch

from premotor.errors import ConfigError

Device = Literal["auto", "cpu", "cuda"]


def chosen_device(device: Device) -> str:
    """The device that "auto" stands for, or the one that is named.

    Raises:
        ConfigError: A GPU is wanted and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda was asked for, torch sees none; use --device cpu")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device
