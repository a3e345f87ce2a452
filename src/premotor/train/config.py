"""A whole training run as one value."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from premotor.checkpoint import Half
from premotor.codec import read_yaml
from premotor.data.augment import AugmentConfig
from premotor.data.pairing import PairingConfig
from premotor.device import Device
from premotor.errors import ConfigError, DataError
from premotor.mirror import MirrorConfig
from premotor.settings import check_numbers
from premotor.train.optim import OptimizerConfig
from premotor.train.schedule import ScheduleConfig
from premotor.worklist import MOST_WORKERS

Precision = Literal["no", "bf16"]


@dataclass(frozen=True, kw_only=True)
class StartConfig:
    """Weights that a run begins with; what is not named begins untrained.

    The folders are those of `premotor import-recognizer`, `premotor import-policy` or of a run,
    whose last checkpoint is taken. The sizes of a half are its folder's (train/start.py).
    """

    recognizer: Path | None = None  # folder; None = untrained
    policy: Path | None = None  # folder; None = untrained
    run: Path | None = None
    """Folder of a run to train further: halves, maps and state of the optimizer are those of its
    last checkpoint; updates are counted and scheduled from 0. None = none."""

    def __post_init__(self) -> None:
        if self.run is not None and (self.recognizer or self.policy):
            raise ConfigError(
                "start.run brings both halves along, so start.recognizer and start.policy do not "
                "go with it; name the run, or the halves"
            )
        for name in ("recognizer", "policy", "run"):  # the same run wherever it is called from
            path = getattr(self, name)
            if path is not None:
                object.__setattr__(self, name, path.expanduser().absolute())

    @property
    def folders(self) -> dict[Half, Path]:
        """The halves that are named, and where each lies."""
        named: dict[Half, Path | None] = {
            "recognizer": self.recognizer or self.run,
            "policy": self.policy or self.run,
        }
        return {half: path for half, path in named.items() if path is not None}


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Both towers, their data, how long and how fast."""

    preset: str = "custom"  # name of the preset this started from
    mirror: Annotated[MirrorConfig, tyro.conf.arg(name="")] = field(default_factory=MirrorConfig)
    start: StartConfig = field(default_factory=StartConfig)
    steps: int = 1200  # updates
    seed: int = 0  # of initialization, order, augmentation and masks
    pairing: PairingConfig = field(default_factory=PairingConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    ema: float = 0.0
    """Decay of the running mean of the weights, by which a run is then probed, stored and judged:
    about 1 / (1 - ema) updates are in it. 0: no mean, the last weights count"""
    unmasked_share: float = 0.2  # last part of the run in which clips are seen whole
    eval_every: int = 200  # steps between two looks at the probe set; 0: first and last only
    probe_episodes: int = 96  # held-out episodes whose u, e, z_u, z_e are written down
    probe_split: str = "val"  # split the probe episodes come from
    checkpoint_every: int = 100  # steps between two checkpoints
    keep_checkpoints: int = 2  # beside the first one
    keep_steps: tuple[int, ...] = ()  # updates after which a checkpoint is written, and stays
    processes: int = 0  # data-parallel processes; 0: one per core or GPU
    device: Device = "auto"  # "auto": GPUs where there are any
    precision: Precision = "no"  # mixed precision of the engine; "no" is float32
    compile: bool = False  # torch.compile of the policy's trunks and heads; minutes at the start

    def __post_init__(self) -> None:
        if self.processes > MOST_WORKERS:
            raise ConfigError(f"processes must be 0 to {MOST_WORKERS}, got {self.processes}")
        if self.steps < 1 or self.checkpoint_every < 1 or self.keep_checkpoints < 1:
            raise ConfigError(
                "steps, checkpoint_every and keep_checkpoints must be >= 1, got "
                f"{self.steps}, {self.checkpoint_every}, {self.keep_checkpoints}"
            )
        if beyond := [step for step in self.keep_steps if not 0 <= step <= self.steps]:
            raise ConfigError(f"keep_steps must be 0 to {self.steps}, the steps, got {beyond}")
        if not 0.0 <= self.unmasked_share <= 1.0:
            raise ConfigError(f"unmasked_share must lie in [0, 1], got {self.unmasked_share}")
        if not 0.0 <= self.ema < 1.0:
            raise ConfigError(f"ema must lie in [0, 1), got {self.ema}; try 0.99, or 0 for none")
        if self.mirror.align.by_tower and self.optimizer.clip != "each":
            raise ConfigError(
                "align.ratio, align.policy_factor and align.recognizer_factor need the gradient of "
                f"each loss, got optimizer.clip {self.optimizer.clip!r}; choose "
                "--optimizer.clip each"
            )
        check_numbers(self)
        self._check_bank()

    def _check_bank(self) -> None:
        bank, pairing = self.mirror.align.bank, self.pairing
        if not bank:
            return
        if pairing.block is None or pairing.watch_only or not pairing.recognition_every:
            raise ConfigError(
                f"align.bank {bank} keeps what blocks of clips show for the steps that act alone, "
                "here are no blocks or no such steps; set pairing.pair_tasks, pair_instructions "
                "and recognition_every to 1 or more and watch_only to false, or align.bank to 0"
            )
        if bank < pairing.pair_batch_size:
            raise ConfigError(
                f"align.bank {bank} does not hold the {pairing.pair_batch_size} rows of a block; "
                f"choose {pairing.pair_batch_size} or more, as {16 * pairing.pair_batch_size}"
            )

    def mask_ratio(self, step: int) -> float:
        """Share of a clip's tokens that is dropped at update `step`."""
        masked = step < round((1.0 - self.unmasked_share) * self.steps)
        return self.mirror.understand.mask_ratio if masked else 0.0

    def measured_at(self, done: int) -> bool:
        """Whether the probe set is measured after `done` updates."""
        regular = self.eval_every > 0 and done % self.eval_every == 0
        return regular or done in (0, self.steps)

    def saved_at(self, done: int) -> bool:
        """Whether a checkpoint is written after `done` updates."""
        return done % self.checkpoint_every == 0 or done in (self.steps, *self.keep_steps)


def read_config(path: Path) -> TrainConfig:
    """The configuration of a run, from its `config.yaml`.

    Raises:
        DataError: The file is missing.
        ConfigError: It holds something else.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing; expected the config.yaml of a run")
    return read_yaml(TrainConfig, path)


def differing(a: Any, b: Any) -> Iterator[tuple[str, object, object]]:
    """Fields in which two configurations differ: dotted name, value in `a`, value in `b`."""
    left, right = _flat(asdict(a)), _flat(asdict(b))
    for name in left | right:
        if left.get(name) != right.get(name):
            yield name, left.get(name), right.get(name)


def _flat(value: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, object] = {}
    for key, part in value.items():
        flat |= _flat(part, f"{prefix}.{key}" if prefix else str(key))
    return flat
