"""What an ablation changes, one thing at a time: a configuration in, a configuration out."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from premotor.execute.config import ExecuteConfig
from premotor.train.config import TrainConfig

Change = Callable[[TrainConfig], TrainConfig]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One change of the preset."""

    name: str
    change: str  # in words
    apply: Change


def _nothing(config: TrainConfig) -> TrainConfig:
    return config


def _acting(config: TrainConfig, execute: ExecuteConfig) -> TrainConfig:
    """The same training of another policy."""
    return replace(config, mirror=replace(config.mirror, execute=execute))


def _without_zoom(config: TrainConfig) -> TrainConfig:
    execute = config.mirror.execute
    alone = replace(execute.heatmap, coarse_weight=0.0)
    return _acting(config, replace(execute, stages=1, heatmap=alone))


def _chunk_1(config: TrainConfig) -> TrainConfig:
    execute = config.mirror.execute
    return _acting(config, replace(execute, tokens=replace(execute.tokens, chunk=1)))


# Learning rates of the other optimizers: 1e-2 is what LAMB learned with before (decisions D42);
# the capped one lies between AdamW's and 5e-3, as the cap only ever shrinks a step. None was swept.


def _lamb(config: TrainConfig) -> TrainConfig:
    return replace(
        config, optimizer=replace(config.optimizer, name="lamb", learning_rate=1e-2, eps=1e-6)
    )


def _lamb_capped(config: TrainConfig) -> TrainConfig:
    return replace(
        config, optimizer=replace(config.optimizer, name="lamb_capped", learning_rate=3e-3)
    )


def _released_init(config: TrainConfig) -> TrainConfig:
    execute = config.mirror.execute
    zero = replace(execute, tokens=replace(execute.tokens, modulation_std=0.0))
    return _acting(_lamb_capped(config), zero)


def _without_augmentation(config: TrainConfig) -> TrainConfig:
    return replace(config, augment=replace(config.augment, shift=0.0, yaw=0.0, color=0.0))


def _coarse_context(config: TrainConfig) -> TrainConfig:
    return _acting(config, replace(config.mirror.execute, coarse_context=True))


def _one_hot_rotation(config: TrainConfig) -> TrainConfig:
    execute = config.mirror.execute
    one_hot = replace(execute.tokens, label_sigma=0.0, mean_window=1)
    return _acting(config, replace(execute, tokens=one_hot))


def _wide_zoom(config: TrainConfig) -> TrainConfig:
    execute = config.mirror.execute
    return _acting(config, replace(execute, views=replace(execute.views, zoom=2.0)))


BASELINE = Variant(name="full", change="the preset as it is, AdamW at 2e-3", apply=_nothing)
VARIANTS = {
    variant.name: variant
    for variant in (
        BASELINE,
        Variant(
            name="without_zoom",
            change="one stage: all is read from the whole scene",
            apply=_without_zoom,
        ),
        Variant(name="chunk_1", change="gripper and collision one after the other", apply=_chunk_1),
        Variant(name="lamb", change="LAMB at 1e-2, eps 1e-6", apply=_lamb),
        Variant(
            name="lamb_capped",
            change="norm-capped Adam (the released recipe's) at 3e-3",
            apply=_lamb_capped,
        ),
        Variant(
            name="released_init",
            change="norm-capped Adam at 3e-3 with AdaLN at exactly zero, which it can never leave",
            apply=_released_init,
        ),
        Variant(
            name="without_augmentation",
            change="scenes neither moved, nor turned, nor colored; zoom and token noise stay",
            apply=_without_augmentation,
        ),
        Variant(
            name="coarse_context",
            change="the zoom stage also sees the first stage's features",
            apply=_coarse_context,
        ),
        Variant(
            name="one_hot_rotation",
            change="rotation labels in one bin, decoded to its middle",
            apply=_one_hot_rotation,
        ),
        Variant(name="wide_zoom", change="zoom by 2 instead of 4", apply=_wide_zoom),
    )
}
