"""Muon by several processes: who makes a matrix orthogonal changes no bit of it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from train.muon_worker import STEPS, Towers, train

pytestmark = pytest.mark.slow
WORKER = Path(__file__).with_name("muon_worker.py")
Told = list[dict[str, Any]]


def together(world: int, out: Path) -> list[Told]:
    """What each of so many processes tells."""
    command = [str(world), str(out / "store"), str(out)]
    workers = [
        subprocess.Popen([sys.executable, str(WORKER), str(rank), *command])
        for rank in range(world)
    ]
    assert [worker.wait(timeout=120) for worker in workers] == [0] * world
    return [torch.load(out / f"rank{rank}.pt") for rank in range(world)]


@pytest.fixture(scope="module", params=[2, 3])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    return together(request.param, tmp_path_factory.mktemp("together"))


def alone(told: Told, begin: int) -> Towers:
    """One process that goes on after `begin` updates, with the gradients the others had."""
    towers = Towers()
    optimizer = towers.optimizer()
    if begin:
        optimizer.load_state_dict(told[begin - 1]["optimizer"])
        for p, weight in zip(towers.parameters(), told[begin - 1]["weights"], strict=True):
            p.data.copy_(weight)
    for step in told[begin:]:
        for p, grad in zip(towers.parameters(), step["gradients"], strict=True):
            p.grad = grad
        optimizer.step()
    return towers


def test_all_processes_have_the_same_weights_and_momenta(told: list[Told]):
    first, *others = told
    for other in others:
        for step in range(STEPS):
            assert all(map(torch.equal, first[step]["weights"], other[step]["weights"]))
            ours, theirs = (each[step]["optimizer"]["state"] for each in (first, other))
            assert ours.keys() == theirs.keys()
            for row, kept in ours.items():
                assert kept.keys() == theirs[row].keys()
                assert all(torch.equal(kept[name], theirs[row][name]) for name in kept)
    assert {frozenset(kept) for kept in first[-1]["optimizer"]["state"].values()} == {
        frozenset({"momentum"}),
        frozenset({"step", "exp_avg", "exp_avg_sq"}),
    }


@pytest.mark.parametrize("begin", [0, 2])
def test_one_process_makes_the_same_bits_of_the_same_gradients(told: list[Told], begin: int):
    towers = alone(told[0], begin)
    assert all(map(torch.equal, towers.parameters(), told[0][-1]["weights"]))


def test_weights_are_those_of_one_process_with_all_rows(told: list[Told]):
    begin = [p.detach().clone() for p in Towers().parameters()]
    whole = train(Towers(), 0, 1)[-1]["weights"]
    for a, b, c in zip(whole, told[0][-1]["weights"], begin, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
        assert not torch.equal(a, c)
