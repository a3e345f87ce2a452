"""Text towers that do not learn, so that each sentence is read once.

`FrozenText` (the policy's) has its weights in a file of CLIP and gives a feature per token.
`FrozenTextTower` (the recognizer's) has them in the model, as any `TextTower`, and embeds.

b: batch  l: tokens of the context  d: width  o: embedding
"""

from collections import OrderedDict
from collections.abc import Callable
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
NOT_TEXT = (  # what else a file of OpenAI's CLIP holds
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
        self._features = _Readings(read_tower(config, weights).tokens, cache)
        digest = torch.tensor(list(bytes.fromhex(file_sha256(weights))), dtype=torch.uint8)
        self.register_buffer(FINGERPRINT, digest)

    def tokens(self, ids: Int[Tensor, "b l"]) -> Float[Tensor, "b l d"]:
        """One vector per token after the final norm, without gradient."""
        return self._features.of(ids)


class FrozenTextTower(TextTower):
    """A `TextTower` whose weights stay as they were made or loaded; state dict and keys are its.

    The embeddings are kept on the tower, and forgotten when weights are loaded into it or it is
    moved: none outlives the weights it is of (decisions D31).
    """

    def __init__(self, config: TextConfig) -> None:
        super().__init__(config)
        self.requires_grad_(False)
        self._embeddings = _Readings(self._read)
        self.register_load_state_dict_post_hook(_forget)

    def forward(self, ids: Int[Tensor, "b l"]) -> Float[Tensor, "b o"]:
        return self._embeddings.of(ids)

    def _read(self, ids: Int[Tensor, "1 l"]) -> Float[Tensor, "1 o"]:
        device = self.positional_embedding.device
        with torch.autocast(device.type, enabled=False):
            return super().forward(ids.to(device))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "FrozenTextTower":
        self._embeddings.forget()  # to another device or type
        return super()._apply(fn, recurse)


def _forget(tower: FrozenTextTower, _keys: object) -> None:
    """Of the tower whose weights were loaded, be it a copy of another."""
    tower._embeddings.forget()  # noqa: SLF001, a hook of its own class


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


class _Readings:
    """What a frozen tower made of the sentences read last; no module, so that no model owns it."""

    def __init__(
        self,
        read: Callable[[Int[Tensor, "1 l"]], Float[Tensor, "1 ..."]],
        capacity: int | None = None,
    ) -> None:
        """Keep `capacity` readings, or all of them."""
        self._read = read
        self._capacity = capacity
        self._kept: OrderedDict[tuple[int, ...], Tensor] = OrderedDict()

    def of(self, ids: Int[Tensor, "b l"]) -> Float[Tensor, "b ..."]:
        """Readings of sentences, computed where they are not among those kept."""
        return torch.stack([self._one(tuple(row), ids.device) for row in ids.tolist()])

    def forget(self) -> None:
        """Read every sentence anew from now on."""
        self._kept.clear()

    def _one(self, ids: tuple[int, ...], device: torch.device) -> Tensor:
        if ids not in self._kept:
            while self._capacity is not None and len(self._kept) >= self._capacity:
                self._kept.popitem(last=False)
            self._kept[ids] = self._alone(ids, device)
        self._kept.move_to_end(ids)
        return self._kept[ids].to(device)

    def _alone(self, ids: tuple[int, ...], device: torch.device) -> Tensor:
        # Each sentence alone: sums over another batch differ in the last bit, and a resumed run
        # has to end where a whole one does. No inference tensor: training goes on after a probe.
        with torch.inference_mode(False), torch.no_grad(), torch.autocast("cpu", enabled=False):
            return self._read(torch.tensor([ids]))[0].to(device)
