import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from premotor import checkpoint, presets, represent
from premotor.errors import ConfigError
from premotor.train import launch, probe
from premotor.understand.recognizer import Recognizer

OPTIONS = ["--steps", "16", "--eval-every", "8", "--checkpoint-every", "4", "--processes", "2"]


def start(out: Path, data: Path, *extra: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "premotor.cli.main", "train", "nano", *OPTIONS]
    environment = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")}
    return subprocess.Popen(
        [*command, "--data", str(data), "--out", str(out), *extra],
        env=environment | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    _, said = process.communicate(timeout=180)
    assert process.returncode == 0, said
    return said


def wait_for_steps(out: Path, count: int) -> None:
    metrics = out / "metrics.jsonl"
    for _ in range(1200):
        if metrics.exists() and len(metrics.read_text().splitlines()) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{out} never reached {count} steps")


@pytest.fixture(scope="module")
def whole(dots: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("launched") / "whole"
    said = finish(start(out, dots))
    assert "over 2 processes" in said
    assert "Traceback" not in said
    return out


def same_end(a: Path, b: Path) -> bool:
    for name in ("checkpoints/step_000016/model.safetensors", "probe/step_000016.safetensors"):
        left, right = load_file(a / name), load_file(b / name)
        if not all(torch.equal(left[k], v) for k, v in right.items()):
            return False
    return True


@pytest.mark.slow
def test_killed_and_resumed_two_processes_end_bit_for_bit_the_same(
    whole: Path, dots: Path, tmp_path: Path
):
    out = tmp_path / "torn"
    process = start(out, dots)
    wait_for_steps(out, 6)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finish(start(out, dots, "--resume"))
    assert same_end(out, whole)
    steps = [json.loads(line)["step"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(16))


@pytest.mark.slow
def test_two_processes_begin_with_the_same_stored_weights(dots: Path, tmp_path: Path):
    config = presets.train_preset("nano")
    torch.manual_seed(5)
    checkpoint.save_recognizer(tmp_path / "seen", Recognizer(config.mirror.understand))
    begun = ["--start.recognizer", str(tmp_path / "seen"), "--steps", "1"]
    finish(start(tmp_path / "run", dots, *begun))
    mirror = checkpoint.load_mirror(tmp_path / "run", 0)
    stored = load_file(tmp_path / "seen" / "recognizer.safetensors")
    assert all(torch.equal(mirror.understand.state_dict()[k], v) for k, v in stored.items())
    rows = represent.open_dataset(represent.Source(dots), "val", config.mirror)
    expected = probe.choose_probe(rows, config.probe_episodes).measure(mirror)
    found = load_file(tmp_path / "run" / "probe" / "step_000000.safetensors")
    assert torch.allclose(found["u"], expected["u"], atol=1e-5)  # every other row is the second's


@pytest.mark.slow
def test_ctrl_c_stops_two_processes_with_a_checkpoint(whole: Path, dots: Path, tmp_path: Path):
    out = tmp_path / "stopped"
    process = start(out, dots)
    wait_for_steps(out, 6)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == launch.INTERRUPTED
    assert "--resume" in said
    assert "Traceback" not in said
    finish(start(out, dots, "--resume"))
    assert same_end(out, whole)


def test_processes_are_as_many_as_the_batches_split_over(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(launch, "available_cores", lambda: 6)
    assert launch.number_of_processes(0, "cpu", [16, 32]) == 4
    assert launch.number_of_processes(2, "cpu", [16, 32]) == 2
    with pytest.raises(ConfigError, match="do not split over 3"):
        launch.number_of_processes(3, "cpu", [16, 32])


def test_settings_that_would_make_the_config_lie_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    with pytest.raises(ConfigError, match="unset ACCELERATE_MIXED_PRECISION"):
        launch.prepare_worker()


def test_a_stop_signal_is_remembered_and_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with launch.StopSignal() as stop:
        assert not stop.received
        signal.raise_signal(signal.SIGTERM)
        assert stop.received
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_launcher_gives_ctrl_c_back(monkeypatch: pytest.MonkeyPatch):
    before = signal.getsignal(signal.SIGINT)

    def take_it(*_):
        return lambda *_: signal.signal(signal.SIGINT, signal.SIG_IGN)

    monkeypatch.setattr(launch, "elastic_launch", take_it)
    assert launch.launch(["train", "nano"], 2) == 0
    assert signal.getsignal(signal.SIGINT) is before


def test_a_lost_peer_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(launch.ProcessLost, match="another training process"),
        launch.peers_watched(),
    ):
        raise RuntimeError("[pair.cc:553] Connection closed by peer [127.0.0.1]:1")
    with pytest.raises(RuntimeError, match="shape"), launch.peers_watched():
        raise RuntimeError("shape mismatch")
