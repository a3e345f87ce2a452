"""The running mean of the weights: what is shown, what is kept beside it, how it goes on."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from premotor import checkpoint, presets, represent
from premotor.claims import Claim
from premotor.errors import ConfigError, DataError
from premotor.folders import RunFolder
from premotor.mirror import Mirror
from premotor.records import StepRecord, read_lines
from premotor.train import ema, loop, run, start
from premotor.train.config import StartConfig, TrainConfig

PLAIN = replace(
    presets.train_preset("nano"), steps=6, eval_every=3, checkpoint_every=3, processes=1
)
MEAN = replace(PLAIN, ema=0.9)


def train(out: Path, data: Path, config: TrainConfig, crash_at: int = -1) -> Path:
    def on_step(record: StepRecord) -> None:
        if record.step == crash_at:
            raise KeyError("pulled the plug")

    source, folder, claim = represent.Source(data), RunFolder(out), Claim(resume=True)
    run.check_run(folder, config, source.open(), claim)
    run.claim_run(folder, config, claim)
    assert loop.fit(config, folder, source, on_step, "premotor train nano").finished
    return out


def shown(out: Path, step: int) -> dict[str, Tensor]:
    return load_file(checkpoint.find(out, step).path / checkpoint.WEIGHTS)


def state(out: Path, step: int) -> dict[str, Any]:
    return checkpoint.load_state(checkpoint.find(out, step))


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return found.keys() == expected.keys() and all(
        torch.equal(found[k], v) for k, v in expected.items()
    )


@pytest.fixture(scope="module")
def plain(dots: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("runs") / "plain", dots, PLAIN)


@pytest.fixture(scope="module")
def mean(dots: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("runs") / "mean", dots, MEAN)


def test_the_mean_follows_the_weights_and_forgets_the_untrained_ones_first():
    mirror = loop.build_mirror(PLAIN)
    judged = ema.MeanWeights(mirror, loop.build_mirror(PLAIN), decay=0.3)
    weight = mirror.align.from_u.weight
    expected = weight.detach().double().clone()
    for keep in (0.1, 2 / 11, 3 / 12, 0.3, 0.3):
        with torch.no_grad():
            weight.add_(1.0)
        expected = keep * expected + (1 - keep) * weight.detach().double()
        judged.follow()
        assert torch.allclose(judged.shown.align.from_u.weight.double(), expected, atol=1e-6)
    assert judged.state()["ema"]["updates"] == 5


def test_without_a_mean_nothing_is_kept_beside_the_weights(plain: Path):
    mirror = loop.build_mirror(PLAIN)
    judged = ema.judged_by(mirror, lambda: pytest.fail("a second network was built"), PLAIN.ema)
    assert judged.shown is mirror
    assert state(plain, 6).keys() == {"optimizer", "world"}


def test_training_is_as_without_and_what_is_stored_is_the_mean(plain: Path, mean: Path):
    losses = [
        [r.losses for r in read_lines(RunFolder(p).metrics, StepRecord)] for p in (plain, mean)
    ]
    assert losses[0] == losses[1]
    assert same(state(mean, 6)["ema"]["weights"], shown(plain, 6))
    assert same(shown(mean, 0), shown(plain, 0))
    assert not same(shown(mean, 6), shown(plain, 6))
    loaded = checkpoint.load_policy(mean).state_dict()
    assert all(torch.equal(shown(mean, 6)[f"execute.{k}"], v) for k, v in loaded.items())
    probed, moved = (load_file(RunFolder(p).probe_arrays(6)) for p in (mean, plain))
    expected = represent_probe(checkpoint.load_mirror(mean), mean)
    assert torch.allclose(probed["z_e"], expected, atol=1e-6)
    assert not torch.allclose(moved["z_e"], expected, atol=1e-4)


def represent_probe(mirror: Mirror, out: Path) -> Tensor:
    """z_e of the run's probe set."""
    manifest = (out / "manifest.json").read_text()
    data = Path(manifest.split('"data": "')[1].split('"')[0])
    dataset = represent.open_dataset(represent.Source(data), "val", mirror.config)
    return loop.choose_probe(dataset, MEAN.probe_episodes).measure(mirror)["z_e"]


@pytest.mark.parametrize("crash_at", [1, 4])
def test_a_crashed_run_ends_bit_for_bit_where_a_whole_one_does(
    dots: Path, tmp_path: Path, mean: Path, crash_at: int
):
    with pytest.raises(KeyError, match="plug"):
        train(tmp_path / "torn", dots, MEAN, crash_at=crash_at)
    torn = train(tmp_path / "torn", dots, MEAN)
    assert same(shown(torn, 6), shown(mean, 6))
    ours, expected = state(torn, 6)["ema"], state(mean, 6)["ema"]
    assert ours["updates"] == expected["updates"] == 6
    assert same(ours["weights"], expected["weights"])
    probes = [load_file(RunFolder(p).probe_arrays(6)) for p in (torn, mean)]
    assert same(*probes)


def further(first: Path, **changes: Any) -> TrainConfig:
    config = replace(MEAN, steps=1, start=StartConfig(run=first), **changes)
    stored = start.stored_sizes(config.start)
    return replace(config, mirror=start.with_sizes(config.mirror, stored))


def test_a_run_trained_further_brings_its_mean_along(dots: Path, tmp_path: Path, mean: Path):
    second = train(tmp_path / "second", dots, further(mean))
    assert same(shown(second, 0), shown(mean, 6))
    assert same(state(second, 0)["ema"]["weights"], state(mean, 6)["ema"]["weights"])
    assert state(second, 1)["ema"]["updates"] == 7


def test_a_run_trained_further_without_a_mean_goes_on_with_the_weights(
    dots: Path, tmp_path: Path, mean: Path
):
    second = train(tmp_path / "second", dots, further(mean, ema=0.0))
    assert same(shown(second, 0), state(mean, 6)["ema"]["weights"])


def test_a_mean_begins_with_the_weights_of_a_run_that_had_none(
    dots: Path, tmp_path: Path, plain: Path
):
    second = train(tmp_path / "second", dots, further(plain))
    assert same(shown(second, 0), shown(plain, 6))
    assert state(second, 1)["ema"]["updates"] == 1


def test_a_half_that_a_run_begins_with_is_the_mean(mean: Path):
    mirror = loop.build_mirror(PLAIN)
    start.begin(mirror, StartConfig(policy=mean))
    expected = {k: v for k, v in shown(mean, 6).items() if k.startswith("execute.")}
    assert same({f"execute.{k}": v for k, v in mirror.execute.state_dict().items()}, expected)


def test_a_checkpoint_without_the_weights_beside_the_mean_is_refused(plain: Path):
    judged = ema.judged_by(loop.build_mirror(MEAN), lambda: loop.build_mirror(MEAN), MEAN.ema)
    with pytest.raises(DataError, match="no weights beside their mean"):
        judged.restore(checkpoint.find(plain), state(plain, 6))


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_a_decay_that_is_none_is_refused(decay: float):
    with pytest.raises(ConfigError, match=r"ema must lie in \[0, 1\)"):
        replace(PLAIN, ema=decay)


@pytest.mark.slow
def test_two_processes_keep_the_mean_of_their_common_weights(dots: Path, tmp_path: Path):
    options = "--processes 2 --steps 4 --eval-every 0 --checkpoint-every 1 --keep-checkpoints 9"
    command = [sys.executable, "-m", "premotor.cli.main", "train", "nano", *options.split()]
    more = ["--ema", "0.2", "--data", str(dots), "--out", str(tmp_path / "two")]
    subprocess.run([*command, *more], check=True, timeout=300)
    expected = shown(tmp_path / "two", 0)
    for step, keep in ((1, 0.1), (2, 2 / 11), (3, 0.2), (4, 0.2)):
        weights = state(tmp_path / "two", step)["ema"]["weights"]
        expected = {
            k: v.lerp(weights[k], 1 - keep) if v.is_floating_point() else v
            for k, v in expected.items()
        }
        found = shown(tmp_path / "two", step)
        assert all(torch.allclose(found[k], v, atol=1e-6) for k, v in expected.items())
    assert not same(found, weights)
