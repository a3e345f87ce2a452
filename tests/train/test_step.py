import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from premotor.errors import TrainingDiverged
from premotor.mirror import MirrorLosses
from premotor.train.step import agree, check_finite, step_generator

WORKER = Path(__file__).with_name("average_worker.py")


def test_a_step_has_its_own_random_stream_in_each_process():
    def draw(*key: int) -> list[float]:
        return torch.rand(3, generator=step_generator(*key)).tolist()

    assert draw(0, 5, 1) == draw(0, 5, 1)
    assert len({tuple(draw(*key)) for key in [(0, 5, 1), (0, 5, 0), (0, 4, 1), (1, 5, 1)]}) == 4


def test_the_term_that_is_not_finite_is_named():
    good = {"total": 1.0, "coarse": 1.0}
    check_finite(good, {"execute": 2.0}, 0)
    with pytest.raises(TrainingDiverged, match="step 3: loss term 'coarse' not finite"):
        check_finite({"total": float("nan"), "coarse": float("nan")}, {}, 3)
    with pytest.raises(TrainingDiverged, match="gradient of 'execute'"):
        check_finite(good, {"execute": float("inf")}, 3)


def test_alone_a_process_agrees_with_itself():
    total = torch.tensor(3.0)
    terms = {"execute": torch.tensor(2.0)}
    losses = MirrorLosses(total=total, own=total, align=None, terms=terms)
    assert agree(losses, stop=True) == ({"total": 3.0, "execute": 2.0}, True)
    assert agree(dataclasses.replace(losses), stop=False)[1] is False


def test_our_averaging_gives_the_bits_of_distributed_data_parallel(tmp_path: Path):
    command = [sys.executable, str(WORKER)]
    rest = [str(tmp_path / "store"), str(tmp_path)]
    workers = [subprocess.Popen([*command, str(rank), *rest]) for rank in range(2)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    (ours, theirs), (there, _) = (torch.load(tmp_path / f"rank{r}.pt") for r in range(2))
    for a, b, c in zip(ours, theirs, there, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)
