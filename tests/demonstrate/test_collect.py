"""Collecting: the right units, the same bytes however they are made, nothing lost to a kill."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from premotor.demonstrate import collect as module
from premotor.demonstrate.collect import CollectConfig, collect, work_list
from premotor.demonstrate.seeds import SPLITS
from premotor.errors import (
    ConfigError,
    DemonstrationFailed,
    EpisodesMissing,
    OutputExists,
    UnknownName,
)
from premotor.simulate.tasks import TASKS
from premotor.store import layout
from premotor.store.reader import DemoSet
from premotor.worklist import Done, WorkerCrashed

PAIR = ("slide_block_to_color_target", "push_buttons")


def _config(out: Path, tasks=PAIR, **changes) -> CollectConfig:
    return CollectConfig(**{"tasks": tasks, "episodes": 2, "out": out} | changes)


def _contents(folder: Path) -> dict[tuple[str, int, int], str]:
    infos = DemoSet.open(folder.parent, folder.name).episodes
    return {(i.task, i.variation, i.seed): i.content for i in infos}


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_work_list_goes_round_tasks_and_variations(tmp_path):
    units = work_list(_config(tmp_path, episodes=5))
    assert [u.index for u in units] == list(range(10))
    assert [u.task for u in units[:3]] == [PAIR[0], PAIR[1], PAIR[0]]
    assert [u.variation for u in units if u.task == PAIR[0]] == [0, 1, 2, 3, 0]


def test_a_longer_list_only_adds_to_the_end(tmp_path):
    assert work_list(_config(tmp_path, episodes=3)) == work_list(_config(tmp_path, episodes=9))[:6]


def test_no_two_units_ever_draw_the_same_seed(tmp_path):
    seeds = [
        seed
        for split in SPLITS
        for block in (0, 1, 99, 100)
        for unit in work_list(
            _config(tmp_path, ("open_drawer",), episodes=4, split=split, seed=block)
        )
        for seed in unit.slot.seeds
    ]
    assert len(set(seeds)) == len(seeds)


def test_all_is_every_task_of_the_benchmark(tmp_path):
    assert _config(tmp_path, ("all",)).tasks == tuple(TASKS)
    assert _config(tmp_path, ("push_buttons_free", "all")).tasks == ("push_buttons_free", *TASKS)


def test_every_task_of_the_table_covers_all_its_variations(tmp_path):
    for name, task in TASKS.items():
        count = len(task.variations)
        units = work_list(_config(tmp_path, (name,), episodes=count))
        assert sorted(u.variation for u in units) == list(range(count))


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"tasks": ("push_button",)}, UnknownName, "did you mean 'push_buttons'"),
        ({"tasks": ()}, ConfigError, "at least one"),
        ({"tasks": (PAIR[0], PAIR[0])}, ConfigError, "each once"),
        ({"tasks": ("all", PAIR[0])}, ConfigError, "each once"),
        ({"split": "trian"}, UnknownName, "did you mean 'train'"),
        ({"episodes": 0}, ConfigError, "episodes"),
        ({"workers": 0}, ConfigError, "workers"),
        ({"resume": True, "overwrite": True}, ConfigError, "one of them"),
    ],
)
def test_nonsense_is_refused_before_anything_is_made(tmp_path, changes, error, text):
    with pytest.raises(error, match=text):
        _config(tmp_path, **changes)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A small data set made in this process; its folder."""
    config = _config(tmp_path_factory.mktemp("made"))
    reports = collect(config)
    assert [r.task for r in reports] == list(PAIR)
    return config.folder


@pytest.mark.sim
@pytest.mark.slow
def test_another_order_in_worker_processes_gives_the_same_bytes(made, tmp_path):
    config = _config(tmp_path, PAIR[::-1], workers=2)
    collect(config)
    assert _contents(config.folder) == _contents(made)


@pytest.mark.sim
@pytest.mark.slow
def test_kill_and_resume_lose_and_double_nothing(made, tmp_path):
    arguments = [*PAIR, "--episodes", "2", "--workers", "2", "--out", str(tmp_path)]
    code = (
        "import sys\nfrom premotor.cli.collect import command\n"
        "if __name__ == '__main__':\n    sys.exit(command(sys.argv[1:]))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, *arguments])
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("train/episodes/*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "train" / layout.INFO_PATH).exists()
    assert 1 <= len(layout.recorded_indices(tmp_path / "train")) < 4
    time.sleep(0.5)  # the workers see that their parent is gone
    collect(_config(tmp_path, resume=True))
    assert _files(tmp_path / "train") == _files(made)


@pytest.mark.sim
@pytest.mark.slow
def test_resuming_makes_a_damaged_episode_again_and_only_that(made, tmp_path):
    config = _config(tmp_path, resume=True)
    for name, data in _files(made).items():
        path = config.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    damaged = config.folder / layout.keyframes_path(2)
    damaged.write_bytes(damaged.read_bytes()[:1000])
    progress = []
    collect(config, lambda *told: progress.append(told))
    assert progress == [("collect", 3, 4, ""), ("collect", 4, 4, "")]
    assert _files(config.folder) == _files(made)


@pytest.mark.sim
def test_existing_output_is_refused_unless_told_otherwise(made):
    with pytest.raises(OutputExists, match=r"--resume.*--overwrite"):
        collect(_config(made.parent))
    with pytest.raises(ConfigError, match="same tasks, seed"):
        collect(_config(made.parent, seed=1, resume=True))
    with pytest.raises(ConfigError, match="at least as many"):
        collect(_config(made.parent, episodes=1, resume=True))
    assert len(DemoSet.open(made.parent)) == 4


def test_overwrite_spares_a_folder_that_is_no_data_set(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputExists):
        collect(_config(tmp_path, overwrite=True))
    assert (tmp_path / "train" / "thesis.tex").exists()


def test_a_failing_expert_draws_another_seed_and_says_so(tmp_path, monkeypatch, make_demo):
    def fail_on_small_seeds(_env, task, variation, seed):
        if seed < 2 * module.RETRY_STRIDE:
            raise DemonstrationFailed(f"{task} {variation} {seed}: goal not reached")
        return make_demo(task=task, variation=variation, seed=seed)

    monkeypatch.setattr(module, "run_expert", fail_on_small_seeds)
    reports = collect(_config(tmp_path, ("open_drawer",), episodes=1))
    info = DemoSet.open(tmp_path).episodes[0]
    assert info.seed == 2 * module.RETRY_STRIDE
    assert len(info.failures) == 2
    assert reports[0].runs == 3
    assert reports[0].expert_success == pytest.approx(1 / 3)


def test_an_expert_that_never_succeeds_is_an_error_that_names_the_episode(tmp_path, monkeypatch):
    def fail(_env, task, variation, seed):
        raise DemonstrationFailed(f"{seed}: no_path")

    monkeypatch.setattr(module, "run_expert", fail)
    with pytest.raises(DemonstrationFailed, match=r"1 of 1 .*episode 0 \(open_drawer, variation 0"):
        collect(_config(tmp_path, ("open_drawer",), episodes=1))
    assert json.loads((tmp_path / "train" / "worklist.json").read_text())["episodes"] == 1


def test_a_broken_episode_costs_no_other_and_can_be_resumed(tmp_path, monkeypatch, make_demo):
    def break_one(_env, task, variation, seed):
        if variation == 1:
            raise OSError("no space left")
        return make_demo(task=task, variation=variation, seed=seed)

    monkeypatch.setattr(module, "run_expert", break_one)
    with pytest.raises(EpisodesMissing, match=r"1 of 3 .*--resume: OSError: no space left"):
        collect(_config(tmp_path, ("open_drawer",), episodes=3))
    assert layout.recorded_indices(tmp_path / "train") == [0, 2]


def test_each_kind_of_failure_is_counted_apart_with_its_own_remedy(tmp_path, monkeypatch):
    errors = [WorkerCrashed("worker"), DemonstrationFailed("seeds"), WorkerCrashed("worker")]
    errors += [ValueError("bug")] * (module._NAMED + 2)

    def run_units(_function, units, _workers, on_done, *_engine):
        for unit, error in zip(units, errors, strict=True):
            on_done(Done(unit, None, error))

    monkeypatch.setattr(module, "run_units", run_units)
    with pytest.raises(DemonstrationFailed) as caught:
        collect(_config(tmp_path, ("open_drawer",), episodes=len(errors)))
    said = str(caught.value)
    assert "1 of 15 episodes could not be made, choose another --seed: seeds" in said
    assert "2 of 15 episodes lost their worker, run again with --resume" in said
    assert "12 of 15 episodes broke, mend that and run again with --resume" in said
    assert said.count("ValueError: bug") == module._NAMED
    assert said.endswith("and 2 more, see the log")
