import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from safetensors.torch import load_file
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from premotor import checkpoint, presets, represent
from premotor.errors import (
    ConfigError,
    PremotorError,
    ProcessLost,
    TrainingDiverged,
    UnknownName,
)
from premotor.stopping import PARENT, STOPPED
from premotor.train import launch, probe
from premotor.understand.recognizer import Recognizer
from premotor.worklist import WorkerCrashed

# nano learns by Muon, whose work two processes share.
OPTIONS = ["--optimizer.name", "muon", "--processes", "2"]
OPTIONS += ["--steps", "16", "--eval-every", "8", "--checkpoint-every", "4"]


def start(out: Path, data: Path, *extra: str, within: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Train in a process group of its own, within a launcher if one is named."""
    command = [sys.executable, *within, "-m", "premotor.cli.main", "train", "nano", *OPTIONS]
    environment = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")}
    return subprocess.Popen(
        [*command, "--data", str(data), "--out", str(out), *extra],
        env=environment | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # also under nohup
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
    assert "train: 16/16" in said  # told by the process that launched the two
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
    assert process.returncode == STOPPED
    assert "--resume" in said
    assert "Traceback" not in said
    finish(start(out, dots, "--resume"))
    assert same_end(out, whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "whole_group", "processes"),
    [
        (signal.SIGTERM, False, 2),
        (signal.SIGINT, True, 2),
        (signal.SIGTERM, True, 2),
        (signal.SIGINT, True, 1),
        (signal.SIGTERM, False, 1),
        (signal.SIGHUP, False, 1),
        (signal.SIGHUP, False, 2),
        (signal.SIGHUP, True, 2),
    ],
)
def test_whatever_asks_for_a_stop_leaves_a_checkpoint_of_the_last_step(
    number: signal.Signals, whole_group: bool, processes: int, dots: Path, tmp_path: Path
):
    long = ["--steps", "4000", "--checkpoint-every", "4000", "--eval-every", "0"]
    process = start(tmp_path, dots, *long, "--processes", str(processes))
    wait_for_steps(tmp_path, 6)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == STOPPED, said
    assert "stopped; go on with --resume" in " ".join(said.split())
    assert "Traceback" not in said
    done = len((tmp_path / "metrics.jsonl").read_text().splitlines())
    assert [c.step for c in checkpoint.checkpoints(tmp_path)] == [0, done]


def workers_of(out: Path) -> list[int]:
    """Training processes of a run, by the file of their job."""
    token = str(out).encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = entry.read_bytes()
            if b"premotor.train.worker" in line and token in line:
                found.append(int(entry.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 2.0])
def test_workers_of_a_killed_training_end_also_while_they_load(
    dots: Path, tmp_path: Path, delay: float
):
    process = start(tmp_path / "run", dots)
    deadline = time.monotonic() + 120
    while not workers_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert workers_of(tmp_path)
    time.sleep(delay)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 3.0
    while workers_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers_of(tmp_path) == []
    finish(start(tmp_path / "run", dots, "--resume"))
    assert not list((tmp_path / "run").rglob(".*.tmp"))


def test_a_worker_whose_parent_is_gone_before_it_looks_ends():
    code = "from premotor.stopping import die_with_parent; die_with_parent(); print('lives')"
    for parent, lives in ((os.getpid(), True), (1, os.getpid() == 1)):
        environment = os.environ | {PARENT: str(parent)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
        assert (done.stdout == b"lives\n") == lives
        assert (done.returncode == 0) == lives


@pytest.mark.slow
def test_under_torchrun_the_command_joins_and_ends_the_same(
    whole: Path, dots: Path, tmp_path: Path
):
    within = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    said = finish(start(tmp_path / "run", dots, within=within))
    assert "over 2 processes" not in said  # torchrun chose them
    assert same_end(tmp_path / "run", whole)


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


def test_the_launcher_gives_ctrl_c_and_the_environment_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    before, environment = signal.getsignal(signal.SIGINT), {}
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("TORCH_CPP_LOG_LEVEL", "INFO")

    def take_it(*command: str):
        environment.update(os.environ)
        assert command == ("-m", "premotor.train.worker", str(tmp_path / "job.json"))
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    monkeypatch.setattr(launch, "elastic_launch", lambda *_: take_it)
    assert launch.launch(tmp_path / "job.json", 2)
    assert signal.getsignal(signal.SIGINT) is before
    assert (environment["OMP_NUM_THREADS"], environment["TORCH_CPP_LOG_LEVEL"]) == ("1", "INFO")
    assert "OMP_NUM_THREADS" not in os.environ


def launched(
    monkeypatch: pytest.MonkeyPatch, codes: Sequence[int], told: Mapping[int, PremotorError]
) -> bool:
    """Launch processes that fail with these exit codes and say these errors, by rank."""

    def fail(*command: str):
        for rank, error in told.items():
            monkeypatch.setenv("RANK", str(rank))
            launch.tell_failure(Path(command[-1]), error)
        failures = {
            rank: ProcessFailure(local_rank=rank, pid=rank + 1, exitcode=code, error_file="none")
            for rank, code in enumerate(codes)
        }
        raise ChildFailedError("training", failures)

    monkeypatch.setattr(launch, "elastic_launch", lambda *_: fail)
    with TemporaryDirectory() as folder:
        return launch.launch(Path(folder) / "job.json", len(codes))


BROKE = ProcessLost("the connection to another training process broke")


@pytest.mark.parametrize(
    ("codes", "told", "error", "message"),
    [
        ([1, 1], {0: BROKE, 1: TrainingDiverged("nan at step 3")}, TrainingDiverged, "nan at st"),
        ([2, -15], {0: UnknownName.of("task", "a", "b")}, UnknownName, "unknown task 'a'"),
        ([1, -9], {0: BROKE}, ProcessLost, "process 1 ended by signal 9 .*--resume"),
        ([1, 3], {0: BROKE}, ProcessLost, "process 1 ended with exit code 3; .*stderr"),
        ([1, -15], {0: BROKE}, ProcessLost, "^the connection to another"),
        ([1, 1], {0: WorkerCrashed("a simulator died")}, PremotorError, "^a simulator died$"),
    ],
)
def test_a_worker_s_error_is_the_launcher_s(
    monkeypatch: pytest.MonkeyPatch,
    codes: list[int],
    told: dict[int, PremotorError],
    error: type[PremotorError],
    message: str,
):
    with pytest.raises(PremotorError, match=message) as caught:
        launched(monkeypatch, codes, told)
    assert type(caught.value) is error
    assert caught.value.exit_code == (3 if 3 in codes else error.exit_code)


def test_workers_that_were_asked_to_stop_have_not_failed(monkeypatch: pytest.MonkeyPatch):
    assert launched(monkeypatch, [-15, STOPPED], {}) is False


def test_a_lost_peer_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(ProcessLost, match="another training process"),
        launch.peers_watched(),
    ):
        raise RuntimeError("[pair.cc:553] Connection closed by peer [127.0.0.1]:1")
    with pytest.raises(RuntimeError, match="shape"), launch.peers_watched():
        raise RuntimeError("shape mismatch")
