"""What arms have in common, update by update: all but the rule by which rows are matched."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from premotor import mirror as network
from premotor import presets
from premotor.align.bank import bank_of
from premotor.data.dataset import Dataset, pairing_of, training_batches
from premotor.episode.demo import Demo
from premotor.experiments.comparison.arms import ARMS
from premotor.represent import Source, open_dataset
from premotor.train import loop
from premotor.train import step as updates
from premotor.train.config import TrainConfig
from premotor.train.optim import build_optimizer
from premotor.understand import video_encoder
from small_data import write_split

UPDATES = 50
NANO = presets.train_preset("nano")
BLOCKS = replace(NANO.pairing, pair_batch_size=8, pair_tasks=2, pair_instructions=2)
BASE = replace(NANO, steps=UPDATES, pairing=BLOCKS, processes=1)


@pytest.fixture(scope="module")
def dataset(
    make_demo: Callable[..., Demo], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dataset]:
    """Two tasks of three instructions, three episodes of each."""
    folder = tmp_path_factory.mktemp("two_tasks")
    tasks = ("push_buttons", "open_drawer")
    demos = (make_demo(seed, tasks[seed % 2]) for seed in range(18))
    write_split(folder / "train", demos)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield open_dataset(Source(folder), "train", BASE.mirror)
    torch.set_num_threads(threads)


@dataclass(eq=False)
class Trained:
    """What a training saw and came to."""

    seen: list[str] = field(default_factory=list)  # of each update: rows, masks, crops, as a hash
    losses: list[dict[str, float]] = field(default_factory=list)
    first: dict[str, Tensor] = field(default_factory=dict)
    last: dict[str, Tensor] = field(default_factory=dict)

    def tower(self, name: str) -> dict[str, Tensor]:
        """Last weights of one tower."""
        return {k: v for k, v in self.last.items() if k.startswith(f"{name}.")}


def train(config: TrainConfig, dataset: Dataset, patch: pytest.MonkeyPatch) -> Trained:
    """As `loop.fit` does, in this process, with an eye on all that the towers are shown."""
    mirror, found = loop.build_mirror(config), Trained()
    digest = hashlib.sha256()
    for module, name in ((video_encoder, "random_view"), (video_encoder, "random_keep")):
        patch.setattr(module, name, watched(getattr(module, name), digest))
    patch.setattr(updates, "augment", watched(updates.augment, digest))
    found.first = {k: v.clone() for k, v in mirror.state_dict().items()}
    bank = bank_of(mirror.align, config.pairing.partner)
    objective = updates.Objective(mirror, config.augment, bank).train()
    optimizer = build_optimizer(mirror.towers, config.optimizer)
    pairing = pairing_of(dataset, config.seed, config.pairing)
    make_batch = training_batches(dataset, pairing, config.seed, 0, 1)
    for step in range(config.steps):
        generator = updates.step_generator(config.seed, step, 0)
        torch.manual_seed(generator.initial_seed())
        plan = updates.StepPlan(step, config.mask_ratio(step), 1.0, generator, stop=False)
        result = updates.train_step(objective, optimizer, make_batch(step), plan)
        found.losses.append(result.losses)
        found.seen.append(digest.hexdigest())
    found.last = {k: v.clone() for k, v in mirror.state_dict().items()}
    patch.undo()
    return found


def watched(function: Callable[..., Any], digest: "hashlib._Hash") -> Callable[..., Any]:
    """The same function, whose result is added to a hash."""

    def call(*arguments: Any) -> Any:
        result = function(*arguments)
        for tensor in tensors(result):
            digest.update(tensor.detach().contiguous().numpy().tobytes())
        return result

    return call


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor of a batch but the shuffling, which is the rule's."""
    if isinstance(value, Tensor):
        yield value
    for name in getattr(value, "__dataclass_fields__", {}):
        if name != "shuffled":
            yield from tensors(getattr(value, name))


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> dict[str, Trained]:
    """Every arm."""
    patch = pytest.MonkeyPatch()
    return {name: train(arm.variant.apply(BASE), dataset, patch) for name, arm in ARMS.items()}


pytestmark = pytest.mark.slow


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return set(a) == set(b) and all(torch.equal(a[k], b[k]) for k in a)


def test_every_arm_is_shown_the_same_clips_acts_and_masks_to_the_byte(trained):
    apart = trained["apart"]
    assert len(set(apart.seen)) == UPDATES
    assert all(arm.seen == apart.seen for arm in trained.values())


def test_every_arm_begins_with_the_same_weights(trained):
    first = trained["apart"].first
    for arm in trained.values():
        assert same({k: v for k, v in arm.first.items() if k != "align.codes"}, first)
    assert "align.codes" in trained["labels"].first


def test_arms_differ_in_what_they_align(trained):
    ends = [arm.losses[-1]["align"] for arm in trained.values()]
    assert len(set(ends)) == len(ends)


@pytest.mark.parametrize(
    ("name", "kept", "moved"),
    [
        ("to_policy", "understand", "execute"),
        ("to_recognizer", "execute", "understand"),
    ],
)
def test_a_tower_that_is_not_to_be_moved_is_that_of_training_apart(trained, name, kept, moved):
    assert same(trained[name].tower(kept), trained["apart"].tower(kept))
    assert not same(trained[name].tower(moved), trained["apart"].tower(moved))


def test_apart_is_what_training_without_any_alignment_comes_to(
    trained: dict[str, Trained], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
):
    apart = trained["apart"]
    monkeypatch.setattr(network, "_align", lambda *_: (torch.zeros(()), {}))
    without = train(ARMS["apart"].variant.apply(BASE), dataset, monkeypatch)
    for mine, theirs in zip(apart.losses, without.losses, strict=True):
        assert {k: v for k, v in mine.items() if not k.startswith("align")} == theirs
    for tower in ("understand", "execute"):
        assert same(apart.tower(tower), without.tower(tower))


def test_a_bank_moves_nothing_that_is_shown(
    trained: dict[str, Trained], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
):
    arm = ARMS["to_policy"].variant.apply(BASE)
    align = replace(arm.mirror.align, bank=16)
    config = replace(arm, mirror=replace(arm.mirror, align=align))
    remembering = train(config, dataset, monkeypatch)
    assert sum("align_bank" in losses for losses in remembering.losses) > UPDATES / 2
    assert remembering.seen == trained["apart"].seen
    assert same(remembering.tower("understand"), trained["apart"].tower("understand"))
    assert not same(remembering.tower("execute"), trained["to_policy"].tower("execute"))


def test_more_clips_move_nothing_but_what_is_understood(
    trained: dict[str, Trained], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
):
    """The policy of an arm without alignment, which nothing of the recognizer's can reach."""
    config = ARMS["apart"].variant.apply(BASE)
    more = replace(config, pairing=replace(config.pairing, more_clips=6))
    watching = train(more, dataset, monkeypatch)
    for mine, theirs in zip(trained["apart"].losses, watching.losses, strict=True):
        assert mine["execute"] == theirs["execute"]
    assert same(watching.tower("execute"), trained["apart"].tower("execute"))
    assert not same(watching.tower("understand"), trained["apart"].tower("understand"))
