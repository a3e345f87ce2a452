"""A run that begins with weights from elsewhere: a recognizer, a policy, one of each, or a run.

What shapes a started half, and what its weights were made to read, is as in its folder. What only
training asks for stays the run's own: drop path and dropout, labels, noise and masks, temperatures,
which tensor is u or e. What no folder holds, T_u and T_e among it, begins untrained. A run that is
trained further brings all of it along, with its optimizer's state; where it was judged by the mean
of its weights (`ema`), it goes on with the weights themselves, and with the mean where one is kept.
"""

import reprlib
from collections.abc import Mapping
from dataclasses import replace

import torch

from premotor.backbones.weights import file_sha256
from premotor.checkpoint import (
    WEIGHTS,
    Half,
    StoredHalf,
    find,
    find_half,
    load_state,
    load_weights,
)
from premotor.errors import ConfigError
from premotor.execute.config import ExecuteConfig
from premotor.folders import RunFolder
from premotor.mirror import Mirror, MirrorConfig
from premotor.records import StartRecord
from premotor.train.config import StartConfig, TrainConfig, differing, read_config
from premotor.train.ema import load_moving
from premotor.understand.config import UnderstandConfig

# As in the folder, unless asked for otherwise: no weight depends on them.
READING = (
    "execute.views.stride",
    "execute.heatmap.mean_window",
    "execute.heatmap.coarse_weight",
    "execute.tokens.mean_window",
)
Sizes = UnderstandConfig | ExecuteConfig


def stored_sizes(start: StartConfig) -> dict[Half, Sizes]:
    """Configuration of each half that is named, from its folder.

    Raises:
        DataError: A folder does not hold the half it is named for.
    """
    return {half: stored.config for half, stored in _stored(start).items()}


def sizes_in(config: MirrorConfig, start: StartConfig) -> dict[Half, Sizes]:
    """Configuration of each half that is named, from that of a run that began with it."""
    both: dict[Half, Sizes] = {"recognizer": config.understand, "policy": config.execute}
    return {half: both[half] for half in start.folders}


def _stored(start: StartConfig) -> dict[Half, StoredHalf]:
    return {half: find_half(path, half) for half, path in start.folders.items()}


def with_sizes(config: MirrorConfig, stored: Mapping[Half, Sizes]) -> MirrorConfig:
    """The networks that weights of those halves fit into; all else as configured.

    Args:
        config: What was asked for.
        stored: What the weights of one half, of both or of none were made for.
    """
    understand, execute = stored.get("recognizer"), stored.get("policy")
    if isinstance(understand, UnderstandConfig):
        config = replace(config, understand=_recognizer(config.understand, understand))
    if isinstance(execute, ExecuteConfig):
        config = replace(config, execute=_policy(config.execute, execute))
    return config


def _recognizer(ours: UnderstandConfig, stored: UnderstandConfig) -> UnderstandConfig:
    video = replace(stored.video, drop_path=ours.video.drop_path)
    return replace(
        ours,
        video=video,
        text=stored.text,
        cleaning=stored.cleaning,
        colors=stored.colors,
        window=stored.window,
    )


def _policy(ours: ExecuteConfig, stored: ExecuteConfig) -> ExecuteConfig:
    tokens, frozen = ours.tokens, ours.frozen_text
    if (frozen.weights is None) != (stored.frozen_text.weights is None):
        # Else it may be another copy of the file: the weights know its hash.
        frozen = replace(frozen, weights=stored.frozen_text.weights)
    return replace(
        stored,
        views=replace(stored.views, center_noise=ours.views.center_noise),
        trunk=replace(stored.trunk, dropout=ours.trunk.dropout),
        heatmap=replace(stored.heatmap, sigma=ours.heatmap.sigma),
        tokens=replace(
            stored.tokens,
            dropout=tokens.dropout,
            label_sigma=tokens.label_sigma,
            input_noise=tokens.input_noise,
        ),
        frozen_text=frozen,
        e_source=ours.e_source,
    )


def begin(mirror: Mirror, start: StartConfig) -> None:
    """Load the weights of the halves that are named; the rest stays as it is.

    Args:
        mirror: Untrained.
        start: Where the weights lie.

    Raises:
        ConfigError: The mirror has other sizes than a folder; every such field is listed.
        DataError: A folder does not hold the half it is named for, or is damaged.
        CheckpointMismatch: Weights that do not fit the configuration beside them, or maps of a run
            that do not fit the mirror's.
    """
    found = _stored(start)
    sizes = with_sizes(mirror.config, {half: stored.config for half, stored in found.items()})
    if lines := [
        f"{name}: {_short(theirs)} in the folder, {_short(ours)} asked for"
        for name, ours, theirs in differing(mirror.config, sizes)
        if name not in READING
    ]:
        folders = ", ".join(map(str, start.folders.values()))
        listed = "\n  ".join(lines)
        raise ConfigError(
            f"weights from {folders} do not fit what is to be trained:\n  {listed}\n"
            "a half that is started has the sizes of its folder: leave these fields out, or import "
            "the weights anew with --sizes"
        )
    for stored in found.values():
        stored.load_into(mirror.towers[stored.part])
    if start.run is not None:
        last = find(start.run)
        load_weights(mirror.align, last.path / WEIGHTS, "align.")
        load_moving(mirror, last, load_state(last))


def take_up_optimizer(optimizer: torch.optim.Optimizer, config: TrainConfig) -> None:
    """Go on with the optimizer's state of the run that is trained further, if one is.

    What a run asks of its optimizer (decay, betas, rates) is its own; what the updates left behind
    is taken over.

    Args:
        optimizer: Over the same parameters.
        config: Of the run that begins.

    Raises:
        ConfigError: The run was trained with another optimizer, or its parameters are grouped
            otherwise.
        DataError: Its checkpoint is damaged.
    """
    run = config.start.run
    if run is None:
        return
    was = read_config(RunFolder(run).config).optimizer
    stored = load_state(find(run))["optimizer"]
    state = optimizer.state_dict()
    ours, theirs = ([len(g["params"]) for g in part["param_groups"]] for part in (state, stored))
    if was.name != config.optimizer.name or ours != theirs:
        raise ConfigError(
            f"{run} was trained with {was.name} over {len(theirs)} groups of parameters, this run "
            f"asks for {config.optimizer.name} over {len(ours)}, whose state is not that; train on "
            "with the same --optimizer.name, factors and decay, or begin with the halves alone: "
            f"--start.recognizer {run} --start.policy {run}"
        )
    own = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    optimizer.load_state_dict(stored)
    for group, options in zip(optimizer.param_groups, own, strict=True):
        group.update(options)


def _short(value: object) -> str:
    """As it is, but no hundreds of word ids."""
    return reprlib.repr(value) if isinstance(value, tuple) else str(value)


def origins(start: StartConfig) -> tuple[StartRecord, ...]:
    """Where the weights that a run begins with come from, for its manifest."""
    if start.run is not None:
        last = find(start.run)
        weights = file_sha256(last.path / WEIGHTS)
        return (StartRecord(half="run", folder=str(start.run), step=last.step, sha256=weights),)
    return tuple(
        StartRecord(
            half=half,
            folder=str(start.folders[half]),
            step=stored.step,
            sha256=file_sha256(stored.weights),
        )
        for half, stored in _stored(start).items()
    )
