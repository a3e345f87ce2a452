"""Text features of a frozen CLIP tower: weights from a file, each sentence read once.

b: batch  l: tokens of the context  d: width
"""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from premotor.backbones.text import TextConfig, TextTower
from premotor.backbones.weights import (
    FINGERPRINT,
    file_sha256,
    load_strictly,
    read_weights,
    without,
)
from premotor.errors import ConfigError

FIELD = "frozen_text.weights"  # of the configuration
HEAD_DIM = 64  # of every CLIP text tower; its files do not say how many heads there are
NOT_TEXT = (  # what else a CLIP file holds (recognition.md a.5)
    "visual.",
    "logit_scale",
    "input_resolution",
    "context_length",
    "vocab_size",
)


@dataclass(frozen=True, kw_only=True)
class FrozenTextConfig:
    """Text features from a file of CLIP weights, instead of a tower that learns."""

    weights: Path | None = None  # CLIP file (.pt, .safetensors); None: trained from scratch
    cache: int = 512  # sentences whose features are kept, 158 kB each at CLIP's sizes

    def __post_init__(self) -> None:
        if self.cache < 1:
            raise ConfigError(f"frozen_text.cache must be >= 1, got {self.cache}; try 512")
        if self.weights is not None:  # a run finds its file from any folder
            object.__setattr__(self, "weights", self.weights.expanduser().absolute())


class FrozenText(nn.Module):
    """Reads like a `TextTower`, learns nothing, and keeps only its file's hash in the weights.

    With the same hash stored in a checkpoint, another file is refused on loading.
    """

    sha256: Tensor

    def __init__(self, config: TextConfig, weights: Path, cache: int) -> None:
        """Read the weights.

        Args:
            config: Sizes of the tower in the file.
            weights: A file of CLIP weights; what is not its text tower is left aside.
            cache: Sentences whose features are kept.

        Raises:
            DataError: The file is missing or cannot be read.
            CheckpointMismatch: Its keys or shapes are not those of the tower.
        """
        super().__init__()
        self._features = _Features(read_tower(config, weights), cache)
        digest = torch.tensor(list(bytes.fromhex(file_sha256(weights))), dtype=torch.uint8)
        self.register_buffer(FINGERPRINT, digest)

    def tokens(self, ids: Int[Tensor, "b l"]) -> Float[Tensor, "b l d"]:
        """One vector per token after the final norm, without gradient."""
        return torch.stack([self._features.of(tuple(row), ids.device) for row in ids.tolist()])


def read_tower(config: TextConfig, weights: Path) -> TextTower:
    """The text tower of a CLIP file, on the CPU in float32, not to be trained.

    Raises:
        DataError: The file is missing or cannot be read.
        CheckpointMismatch: Its keys or shapes are not those of the tower.
    """
    stored = without(read_weights(weights, FIELD), NOT_TEXT)
    tower = TextTower(config)
    remedy = f"expected the text tower of a CLIP file; the one there has {_sizes(stored)}"
    load_strictly(tower, stored, f"{weights} ({FIELD})", remedy)
    return tower.requires_grad_(False).eval()


def _sizes(stored: dict[str, Tensor]) -> str:
    """Sizes as a configuration would say them, where the file's keys tell."""
    named = {
        "positional_embedding": ("text.context", 0),
        "token_embedding.weight": ("text.vocab_size", 0),
        "ln_final.weight": ("text.width", 0),
        "text_projection": ("text.embed_dim", 1),
    }
    sizes = {
        name: stored[key].shape[axis]
        for key, (name, axis) in named.items()
        if key in stored and stored[key].ndim > axis
    }
    sizes["text.layers"] = sum(key.endswith("ln_1.weight") for key in stored)
    if "text.width" in sizes:
        sizes["text.heads"] = sizes["text.width"] // HEAD_DIM
    return ", ".join(f"{name} {size}" for name, size in sizes.items())


class _Features:
    """Features of the sentences read last; no module, so that no model owns the tower."""

    def __init__(self, tower: TextTower, capacity: int) -> None:
        self._tower = tower
        self._capacity = capacity
        self._kept: OrderedDict[tuple[int, ...], Float[Tensor, "l d"]] = OrderedDict()

    def of(self, ids: tuple[int, ...], device: torch.device) -> Float[Tensor, "l d"]:
        """Features of one sentence, computed if it is not among those kept."""
        if ids not in self._kept:
            while len(self._kept) >= self._capacity:
                self._kept.popitem(last=False)
            self._kept[ids] = self._read(ids, device)
        self._kept.move_to_end(ids)
        return self._kept[ids].to(device)

    def _read(self, ids: tuple[int, ...], device: torch.device) -> Float[Tensor, "l d"]:
        # Each sentence alone: sums over another batch differ in the last bit, and a resumed run
        # has to end where a whole one does. No inference tensor: training goes on after a probe.
        with torch.inference_mode(False), torch.no_grad(), torch.autocast("cpu", enabled=False):
            return self._tower.tokens(torch.tensor([ids]))[0].to(device)
