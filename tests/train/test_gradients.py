import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from premotor import presets
from premotor.align.config import AlignConfig
from premotor.errors import ConfigError
from premotor.mirror import Mirror, MirrorConfig, MirrorLosses
from premotor.train.config import TrainConfig
from premotor.train.gradients import PARTS, EachLoss, of_sum
from premotor.train.optim import OptimizerConfig, build_optimizer
from train.each_worker import Towers, joined, measured

WORKER = Path(__file__).with_name("each_worker.py")
HALF = AlignConfig(weight=0.5)


class Numbers(nn.Module):
    """A few numbers under the names of the joint network's weights."""

    def __init__(self) -> None:
        super().__init__()
        self.understand, self.execute, self.align = nn.Module(), nn.Module(), nn.Module()
        self.understand.vision_encoder = nn.ParameterDict({"w": nn.Parameter(torch.zeros(2))})
        self.execute.trunks = nn.ModuleList(
            nn.ParameterDict({"w": nn.Parameter(torch.zeros(2))}) for _ in range(2)
        )
        self.align.from_u = nn.ParameterDict({"w": nn.Parameter(torch.zeros(1))})

    @property
    def weights(self) -> list[Tensor]:
        """Of the recognizer, the coarse trunk, the fine trunk and a map."""
        return [*self.parameters()]

    def losses(self, fine: float = 0.3) -> MirrorLosses:
        """Own gradients (3, 4) and (0.6, 0), (0, 0); alignment's (0, 20) and (0, fine), and 5."""
        watched, coarse, zoomed, to_z = self.weights
        own = watched @ torch.tensor([3.0, 4.0]) + 0.6 * coarse[0]
        align = 20.0 * watched[1] + fine * zoomed[1] + 5.0 * to_z[0]
        terms = dict.fromkeys(("understand", "execute", "align"), torch.zeros(()))
        return MirrorLosses(total=own + 0.5 * align, own=own, align=align, terms=terms)

    def descended(self, config: AlignConfig, limit: float = 1.0, fine: float = 0.3):
        """Gradients that are left at the weights, and what is known of them."""
        towers = {name: getattr(self, name) for name in ("understand", "execute", "align")}
        optimizer = build_optimizer(towers, OptimizerConfig())
        found = EachLoss(self, config).descend(self.losses(fine), optimizer, limit, False)
        left = [None if w.grad is None else w.grad.tolist() for w in self.weights]
        return left, found


def near(*expected: list[float]) -> list[object]:
    return [pytest.approx(values, abs=1e-5) for values in expected]


def test_the_gradient_of_each_loss_gets_the_limit_by_itself():
    left, found = Numbers().descended(HALF)
    assert left == near([0.6, 0.8 + 1.0], [0.6, 0.0], [0.0, 0.15], [1.0])
    assert found.norms == pytest.approx(
        {
            "understand": 5.0,
            "execute": 0.6,
            "align in understand": 10.0,
            "align in execute": 0.15,
            "align": 2.5,
        }
    )


def test_a_weight_says_how_long_alignment_is_beside_a_clipped_gradient():
    left, found = Numbers().descended(AlignConfig(weight=0.125))
    assert left == near([0.6, 0.8 + 0.5], [0.6, 0.0], [0.0, 0.0375], [0.625])
    assert found.told["recognizer/ratio"] == pytest.approx(2.5 / 5.0, rel=1e-5)


def test_what_a_tower_learns_of_its_own_loss_does_not_depend_on_how_alignment_pulls():
    shown = [Numbers().descended(HALF, fine=fine)[0] for fine in (0.3, 300.0)]
    assert shown[0][:2] == shown[1][:2]
    assert shown[1][2] == pytest.approx([0.0, 1.0], abs=1e-5)


def test_a_factor_weighs_alignment_in_its_tower_alone_and_after_clipping():
    config = AlignConfig(weight=0.5, recognizer_factor=0.5, policy_factor=2.0)
    left, _ = Numbers().descended(config)
    assert left == near([0.6, 0.8 + 0.5], [0.6, 0.0], [0.0, 0.3], [1.0])
    left, _ = Numbers().descended(AlignConfig(weight=0.5, recognizer_factor=0.0))
    assert left == near([0.6, 0.8], [0.6, 0.0], [0.0, 0.15], [1.0])


@pytest.mark.parametrize("weight", [0.5, 7.0])
def test_a_ratio_is_that_of_what_is_applied_whatever_the_weight(weight: float):
    config = AlignConfig(weight=weight, ratio=0.1, policy_factor=3.0)
    left, found = Numbers().descended(config)
    assert left == near([0.6, 0.8 + 0.1], [0.6, 0.0], [0.0, 0.18], [1.0])
    assert found.told["recognizer/ratio"] == pytest.approx(0.1, rel=1e-5)
    assert found.told["policy/ratio"] == pytest.approx(0.3, rel=1e-5)


def test_where_alignment_pulls_at_nothing_a_ratio_adds_nothing():
    left, found = Numbers().descended(AlignConfig(weight=0.5, ratio=0.1), fine=0.0)
    assert left[1:3] == near([0.6, 0.0], [0.0, 0.0])
    assert found.told["policy/ratio"] == 0.0


def test_without_a_limit_it_is_the_gradient_of_the_sum():
    left, _ = Numbers().descended(HALF, limit=0.0)
    assert left == near([3.0, 4.0 + 10.0], [0.6, 0.0], [0.0, 0.15], [2.5])


def test_norms_and_cosines_are_told_of_each_part_before_clipping():
    _, found = Numbers().descended(HALF)
    expected = {
        "recognizer/own": 5.0,
        "recognizer/align": 10.0,
        "recognizer/cosine": 0.8,
        "recognizer/video/own": 5.0,
        "recognizer/video/align": 10.0,
        "recognizer/video/cosine": 0.8,
        "recognizer/ratio": 1.0,
        "policy/own": 0.6,
        "policy/align": 0.15,
        "policy/cosine": 0.0,
        "policy/coarse/own": 0.6,
        "policy/coarse/align": 0.0,
        "policy/fine/own": 0.0,
        "policy/fine/align": 0.15,
        "policy/ratio": 0.25,
        "maps/align": 2.5,
        "maps/u/align": 2.5,
    }
    assert found.told == pytest.approx(expected, abs=1e-5)


def test_the_baseline_moves_as_if_nothing_were_aligned():
    left, found = Numbers().descended(AlignConfig(weight=0.0, ratio=0.1))
    assert left[3] is None
    assert {name for name in found.told if name.count("/") == 1} == {"recognizer/own", "policy/own"}
    alone = Numbers()
    losses = alone.losses()
    plain = MirrorLosses(total=losses.own, own=losses.own, align=None, terms=losses.terms)
    towers = {"understand": alone.understand, "execute": alone.execute}
    theirs = of_sum(plain, build_optimizer(towers, OptimizerConfig()), 1.0, False)
    assert [None if w.grad is None else w.grad.tolist() for w in alone.weights] == left
    assert found.norms == theirs.norms
    assert theirs.told == {}


def test_parts_are_disjoint_and_together_the_recognizer_and_the_policy():
    mirror = Mirror(presets.train_preset("nano").mirror)
    names = [name for name, p in mirror.named_parameters() if p.requires_grad]
    for tower in ("recognizer", "policy"):
        parts = [prefixes for part, prefixes in PARTS.items() if part.startswith(f"{tower}/")]
        whole = [name for name in names if name.startswith(PARTS[tower])]
        assert [sum(name.startswith(p) for p in parts) for name in whole] == [1] * len(whole)
        assert all(any(name.startswith(p) for name in names) for p in parts)


def test_weighing_by_tower_needs_the_gradient_of_each_loss():
    for changed in ({"ratio": 0.1}, {"policy_factor": 0.5}, {"recognizer_factor": 0.0}):
        mirror = MirrorConfig(align=AlignConfig(**changed))
        with pytest.raises(ConfigError, match=r"choose --optimizer\.clip each"):
            TrainConfig(mirror=mirror)
        TrainConfig(mirror=mirror, optimizer=OptimizerConfig(clip="each"))
    with pytest.raises(ConfigError, match="ratio must be >= 0"):
        AlignConfig(ratio=-0.1)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """What two processes with half the rows each come to."""
    out = tmp_path_factory.mktemp("each")
    command = [sys.executable, str(WORKER)]
    workers = [
        subprocess.Popen([*command, str(rank), str(out / "store"), str(out)]) for rank in range(2)
    ]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    return [torch.load(out / f"rank{rank}.pt") for rank in range(2)]


def test_two_processes_come_to_the_same_bits(told: list[dict[str, object]]):
    first, second = told
    assert first["told"] == second["told"]
    assert first["norms"] == second["norms"]
    assert all(map(torch.equal, first["gradients"], second["gradients"]))


def test_norms_and_cosines_of_two_processes_are_those_of_one_with_all_rows(
    told: list[dict[str, object]],
):
    alone = measured(joined(Towers()), average=False)
    assert alone["told"] == pytest.approx(told[0]["told"], rel=1e-4)
    for ours, theirs in zip(alone["gradients"], told[0]["gradients"], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    assert len(alone["gradients"]) == len(list(Towers().parameters()))
    assert all(math.isfinite(v) for v in alone["told"].values())
