"""Training with a bank of observed actions, which the steps that only act are aligned with."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from premotor import checkpoint, represent
from premotor.data.dataset import pairing_of, training_batches
from premotor.errors import ConfigError, DataError
from premotor.folders import RunFolder
from premotor.records import StepRecord, read_lines
from premotor.train import loop
from premotor.train.config import TrainConfig
from premotor.train.step import Objective, step_generator
from train.bank_worker import CONFIG
from train.test_loop import train, weights

WORKER = Path(__file__).with_name("bank_worker.py")


def changed(config: TrainConfig = CONFIG, **align: Any) -> TrainConfig:
    mirror = dataclasses.replace(
        config.mirror, align=dataclasses.replace(config.mirror.align, **align)
    )
    return dataclasses.replace(config, mirror=mirror)


def steps_of(out: Path) -> list[StepRecord]:
    return list(read_lines(RunFolder(out).metrics, StepRecord))


def state(out: Path, step: int) -> dict[str, Any]:
    return checkpoint.load_state(checkpoint.find(out, step))


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> set[str]:
    """Towers in which two sets of weights are not the same bits."""
    assert a.keys() == b.keys()
    return {name.split(".")[0] for name in a if not torch.equal(a[name], b[name])}


@pytest.fixture(scope="module")
def trained(dots: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run whose steps 1, 3, 5 and 7 watch."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert train(out, dots, CONFIG).finished
    return out


def test_steps_that_only_act_are_aligned_as_soon_as_something_was_watched(trained: Path):
    records = steps_of(trained)
    assert ["align" in r.losses for r in records] == [False, True] * 4
    assert ["align_bank" in r.losses for r in records] == [False, False] + [True, False] * 3
    lam = CONFIG.mirror.align.weight
    for record in records[2::2]:
        losses = record.losses
        expected = losses["execute"] + lam * losses["align_bank"]
        assert losses["total"] == pytest.approx(expected, rel=1e-5)


def test_what_alignment_asks_of_a_step_that_acts_is_told_of_policy_and_maps(trained: Path):
    records = steps_of(trained)
    assert records[0].gradients == {}
    assert not any(name.startswith("acting/") for name in records[1].gradients)
    told = records[2].gradients
    assert all(name.startswith(("acting/policy", "acting/maps")) for name in told)
    assert told["acting/maps/e/align"] > 0.0
    assert told["acting/maps/u/align"] == 0.0
    assert told["acting/policy/align"] > 0.0
    assert told["acting/policy/ratio"] > 0.0


def test_a_ratio_is_kept_at_steps_that_only_act(dots: Path, tmp_path: Path):
    config = dataclasses.replace(changed(ratio=0.1), steps=5)
    train(tmp_path / "run", dots, config)
    found = [r.gradients.get("acting/policy/ratio") for r in steps_of(tmp_path / "run")]
    assert found[2::2] == pytest.approx([0.1] * 2, rel=1e-5)


@pytest.mark.parametrize("crash_at", [2, 4, 6])
def test_a_crashed_run_ends_bit_for_bit_where_a_whole_one_does(
    trained: Path, dots: Path, tmp_path: Path, crash_at: int
):
    with pytest.raises(KeyError, match="plug"):
        train(tmp_path / "torn", dots, CONFIG, crash_at)
    assert train(tmp_path / "torn", dots, CONFIG).finished
    assert differing(weights(tmp_path / "torn", 8), weights(trained, 8)) == set()
    ours, theirs = (state(out, 8)["bank"] for out in (tmp_path / "torn", trained))
    assert all(torch.equal(ours[name], theirs[name]) for name in ("z_u", "ids"))
    told = [[(r.losses, r.gradients) for r in steps_of(o)] for o in (tmp_path / "torn", trained)]
    assert told[0] == told[1]


def test_a_run_by_the_mean_of_its_weights_resumes_bit_for_bit(dots: Path, tmp_path: Path):
    config = dataclasses.replace(CONFIG, ema=0.5)
    train(tmp_path / "whole", dots, config)
    with pytest.raises(KeyError, match="plug"):
        train(tmp_path / "torn", dots, config, 4)
    train(tmp_path / "torn", dots, config)
    assert differing(weights(tmp_path / "torn", 8), weights(tmp_path / "whole", 8)) == set()


def test_a_checkpoint_without_the_bank_is_not_gone_on_with(dots: Path, tmp_path: Path):
    with pytest.raises(KeyError, match="plug"):
        train(tmp_path / "run", dots, CONFIG, 4)
    last = checkpoint.find(tmp_path / "run")
    kept = {k: v for k, v in checkpoint.load_state(last).items() if k != "bank"}
    checkpoint.save(tmp_path / "run", last.step, checkpoint.load_mirror(tmp_path / "run"), kept)
    with pytest.raises(DataError, match="go on with the one before"):
        train(tmp_path / "run", dots, CONFIG)


def test_the_bank_adds_nothing_to_the_model_and_without_it_nothing_is_kept(
    trained: Path, dots: Path, tmp_path: Path
):
    train(tmp_path / "aligned", dots, changed(bank=0))
    assert weights(trained, 8).keys() == weights(tmp_path / "aligned", 8).keys()
    assert state(trained, 8).keys() == {"optimizer", "world", "bank"}
    assert state(tmp_path / "aligned", 8).keys() == {"optimizer", "world"}
    assert differing(weights(trained, 8), weights(tmp_path / "aligned", 8)) == {
        "execute",
        "understand",  # through what the paired steps align it with
        "align",
    }


def test_with_weight_0_a_run_is_that_of_training_apart(dots: Path, tmp_path: Path):
    for name, bank in (("with", 8), ("without", 0)):
        train(tmp_path / name, dots, changed(weight=0.0, bank=bank))
    ours, theirs = (tmp_path / name for name in ("with", "without"))
    assert differing(weights(ours, 8), weights(theirs, 8)) == set()
    told = [[(r.losses, r.gradients, r.grad_norm) for r in steps_of(o)] for o in (ours, theirs)]
    assert told[0] == told[1]
    assert state(ours, 8).keys() == {"optimizer", "world"}


def test_a_recognizer_that_is_not_to_be_moved_is_that_of_training_apart(dots: Path, tmp_path: Path):
    """The clips, their masks and crops are those of the arm without alignment, too."""
    arms = {"apart": {"weight": 0.0}, "to_policy": {"bank": 0}, "with_bank": {}}
    for name, values in arms.items():
        train(tmp_path / name, dots, changed(**{"moves": "policy", **values}))
    apart, to_policy, bank = (weights(tmp_path / name, 8) for name in arms)
    assert differing(bank, apart) == {"execute", "align"}
    assert differing(bank, to_policy) == {"execute", "align"}


def test_one_step_that_acts_moves_the_policy_and_its_map(dots: Path):
    dataset = represent.open_dataset(represent.Source(dots), "train", CONFIG.mirror)
    pairing = pairing_of(dataset, CONFIG.seed, CONFIG.pairing)
    make_batch = training_batches(dataset, pairing, CONFIG.seed, 0, 1)
    mirror = loop.build_mirror(CONFIG)
    bank = loop.bank_of(mirror.align, CONFIG.pairing.partner)
    objective = Objective(mirror, CONFIG.augment, bank).train()
    for step in (1, 3):
        objective(make_batch(step), 0.0, step_generator(0, step, 0))
    losses = objective(make_batch(4), 0.0, step_generator(0, 4, 0))
    assert losses.align is not None
    losses.align.backward()
    moved = {name for name, p in mirror.named_parameters() if p.grad is not None and p.grad.any()}
    assert {name for name in moved if not name.startswith("execute.")} == {
        "align.from_e.weight",
        "align.from_e.bias",
    }
    assert any(name.startswith("execute.trunks.1.") for name in moved)


@pytest.mark.parametrize("partner", ["episode", "labels", "shuffled"])
def test_other_rules_ask_the_bank_too(dots: Path, tmp_path: Path, partner: Any):
    pairing = dataclasses.replace(CONFIG.pairing, partner=partner)
    config = dataclasses.replace(changed(num_labels=3), pairing=pairing, steps=7)
    train(tmp_path / "run", dots, config)
    assert any("align_bank" in r.losses for r in steps_of(tmp_path / "run"))


@pytest.mark.slow
def test_two_processes_have_the_same_weights_and_the_same_bank(dots: Path, tmp_path: Path):
    ranks = [
        subprocess.Popen([sys.executable, WORKER, str(rank), dots, tmp_path]) for rank in range(2)
    ]
    assert [rank.wait(timeout=300) for rank in ranks] == [0, 0]
    first, second = (torch.load(tmp_path / f"rank{rank}.pt") for rank in range(2))
    assert differing(first["weights"], second["weights"]) == set()
    assert all(torch.equal(first["bank"][name], second["bank"][name]) for name in ("z_u", "ids"))
    assert first["losses"] == second["losses"]
    assert any("align_bank" in losses for losses in first["losses"])


@pytest.mark.parametrize(
    ("pairing", "told"),
    [
        ({"watch_only": True}, "here are no blocks or no such steps"),
        ({"recognition_every": 0}, "here are no blocks or no such steps"),
        (
            {"pair_tasks": 0, "pair_instructions": 0, "partner": "episode"},
            "here are no blocks or no such steps",
        ),
        ({"pair_instructions": 6, "pair_batch_size": 12}, r"not hold the 12 rows .* as 192"),
    ],
)
def test_a_bank_that_cannot_be_filled_is_refused(pairing: dict[str, Any], told: str):
    with pytest.raises(ConfigError, match=told):
        dataclasses.replace(CONFIG, pairing=dataclasses.replace(CONFIG.pairing, **pairing))
