"""Collecting: the right units, the same bytes however they are made, nothing lost to a kill."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import make
from premotor import campaign
from premotor.claims import Claim
from premotor.demonstrate import collect as module
from premotor.demonstrate.collect import CollectConfig, DataPlan, collect, work_list
from premotor.demonstrate.seeds import RETRY_STRIDE, SPLITS
from premotor.episode.identity import EpisodeId
from premotor.episode.provenance import Provenance
from premotor.errors import (
    ConfigError,
    DemonstrationFailed,
    EpisodesMissing,
    OutputExists,
    UnknownName,
)
from premotor.folders import SplitFolder
from premotor.simulate.tasks import TASKS
from premotor.store.ledger import EpisodeLedger
from premotor.store.reader import DemoSet
from premotor.worklist import Crew, Done, WorkerCrashed
from small_data import as_in_0_1_0

PAIR = ("slide_block_to_color_target", "push_buttons")
RESUME, OVERWRITE = Claim(resume=True), Claim(overwrite=True)


def _config(out: Path, tasks=PAIR, **changes) -> CollectConfig:
    return CollectConfig(**{"tasks": tasks, "episodes": 2, "out": out} | changes)


def _contents(folder: SplitFolder) -> dict[EpisodeId, str]:
    infos = DemoSet.open(folder.path.parent, folder.name).episodes
    return {info.episode: info.content for info in infos}


def _files(folder: SplitFolder) -> dict[str, bytes]:
    return {folder.relative(p): p.read_bytes() for p in folder.path.rglob("*") if p.is_file()}


def _copy(made: SplitFolder, out: Path) -> SplitFolder:
    """The same data set elsewhere."""
    return SplitFolder(Path(shutil.copytree(made.path, out / made.name)))


def _recorded(out: Path) -> list[int]:
    """Numbers of the episodes that have a record."""
    return [info.index for info in EpisodeLedger.of(SplitFolder(out / "train")).read()]


def _acted(make_demo, acted: list[EpisodeId] | None = None):
    """An expert that always succeeds and needs no simulator."""

    def run_expert(_env, episode: EpisodeId):
        if acted is not None:
            acted.append(episode)
        return make_demo(**vars(episode))

    return run_expert


def test_the_work_list_goes_round_tasks_and_variations(tmp_path):
    units = work_list(_config(tmp_path, episodes=5))
    assert [u.index for u in units] == list(range(10))
    slots = [u.slot for u in units]
    assert [s.task for s in slots[:3]] == [PAIR[0], PAIR[1], PAIR[0]]
    assert [s.variation for s in slots if s.task == PAIR[0]] == [0, 1, 2, 3, 0]


def test_a_longer_list_only_adds_to_the_end(tmp_path):
    assert work_list(_config(tmp_path, episodes=3)) == work_list(_config(tmp_path, episodes=9))[:6]


def test_a_task_of_many_variations_gets_so_many_of_each_at_the_end_of_the_list(tmp_path):
    plain = work_list(_config(tmp_path, episodes=9))
    units = work_list(_config(tmp_path, episodes=9, per_variation=2))
    assert units[: len(plain)] == plain  # 4 variations: 8 would do
    assert {u.slot.task for u in units[len(plain) :]} == {"push_buttons"}
    shown = Counter(u.slot.variation for u in units if u.slot.task == "push_buttons")
    assert shown == dict.fromkeys(range(50), 2)


def test_only_a_list_that_goes_on_takes_up_what_was_made():
    few = DataPlan(PAIR, 5, 0, "train")
    assert replace(few, per_variation=3).goes_on(few)
    assert replace(few, episodes=9).goes_on(few)
    assert not few.goes_on(replace(few, per_variation=3))
    assert not replace(few, episodes=20, per_variation=3).goes_on(replace(few, per_variation=3))
    assert not replace(few, split="val").goes_on(few)


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
        assert sorted(u.slot.variation for u in units) == list(range(count))


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"tasks": ("push_button",)}, UnknownName, "did you mean 'push_buttons'"),
        ({"tasks": ()}, ConfigError, "at least one"),
        ({"tasks": (PAIR[0], PAIR[0])}, ConfigError, "each once"),
        ({"tasks": ("all", PAIR[0])}, ConfigError, "each once"),
        ({"split": "trian"}, UnknownName, "did you mean 'train'"),
        ({"episodes": 0}, ConfigError, "episodes"),
        ({"per_variation": -1}, ConfigError, "per_variation must be >= 0"),
        ({"per_variation": 50_000}, ConfigError, "at most 100000 episodes, got 50000 of 50"),
    ],
)
def test_nonsense_is_refused_before_anything_is_made(tmp_path, changes, error, text):
    with pytest.raises(error, match=text):
        _config(tmp_path, **changes)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> SplitFolder:
    """A small data set made in this process."""
    config = _config(tmp_path_factory.mktemp("made"))
    reports = collect(config)
    assert [r.task for r in reports] == list(PAIR)
    return config.folder


@pytest.mark.sim
@pytest.mark.slow
def test_another_order_in_worker_processes_gives_the_same_bytes(made, tmp_path):
    config = _config(tmp_path, PAIR[::-1], crew=Crew(workers=2))
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
    while not _recorded(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    folder = SplitFolder(tmp_path / "train")
    assert not folder.info.exists()
    assert 1 <= len(_recorded(tmp_path)) < 4
    time.sleep(0.5)  # the workers see that their parent is gone
    collect(_config(tmp_path, claim=RESUME))
    assert _files(folder) == _files(made)


@pytest.mark.sim
@pytest.mark.slow
def test_resuming_makes_a_damaged_episode_again_and_only_that(made, tmp_path):
    folder, progress = _copy(made, tmp_path), []
    damaged = folder.keyframes(2)
    damaged.write_bytes(damaged.read_bytes()[:1000])
    collect(_config(tmp_path, claim=RESUME), lambda *told: progress.append(told))
    assert progress == [("collect", 3, 4, ""), ("collect", 4, 4, "")]
    assert _files(folder) == _files(made)


@pytest.mark.sim
def test_a_data_set_of_version_0_1_0_is_resumed_to_what_it_was(made, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "run_expert", None)
    folder, progress = _copy(made, tmp_path), []
    as_in_0_1_0(folder)
    assert len(list((folder.path / "episodes").iterdir())) == 4
    collect(_config(tmp_path, claim=RESUME), lambda *told: progress.append(told))
    assert progress == [("collect", 4, 4, "")]
    assert _files(folder) == _files(made)  # the records in one file, and no others


@pytest.mark.sim
def test_existing_output_is_refused_unless_told_otherwise(made):
    out, before = made.path.parent, _files(made)
    leftover = made.path / "states" / ".episode_000000.parquet.77.tmp"
    leftover.touch()
    with pytest.raises(OutputExists, match=r"--resume.*--overwrite"):
        collect(_config(out))
    with pytest.raises(ConfigError, match="same tasks, seed"):
        collect(_config(out, seed=1, claim=RESUME))
    with pytest.raises(ConfigError, match="at least as many"):
        collect(_config(out, episodes=1, claim=RESUME))
    assert leftover.exists()  # nothing was touched
    leftover.unlink()
    assert _files(made) == before


@pytest.mark.sim
def test_what_a_crash_left_is_swept_up_but_not_a_cache_that_is_being_built(made, tmp_path):
    folder = _copy(made, tmp_path)
    leftovers = [folder.states(0).with_name(".a.77.tmp"), folder.path / ".episodes.jsonl.77.tmp"]
    building = folder.cache / ".0123.77.tmp"
    building.mkdir(parents=True)
    for path in leftovers:
        path.touch()
    collect(_config(tmp_path, claim=RESUME))
    assert [path.exists() for path in (*leftovers, building)] == [False, False, True]


def test_a_folder_that_is_collected_into_is_not_shared(tmp_path):
    folder = SplitFolder(tmp_path / "train")
    with folder.owned(), pytest.raises(OutputExists, match="another process is at work"):
        collect(_config(tmp_path))


def test_overwrite_spares_a_folder_that_is_no_data_set(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputExists):
        collect(_config(tmp_path, claim=OVERWRITE))
    assert (tmp_path / "train" / "thesis.tex").exists()


def test_overwriting_leaves_nothing_of_the_set_before(tmp_path, monkeypatch, make_demo):
    monkeypatch.setattr(module, "run_expert", _acted(make_demo))
    collect(_config(tmp_path, ("open_drawer",), episodes=3))
    collect(_config(tmp_path, ("open_drawer",), episodes=1, seed=4, claim=OVERWRITE))
    assert [info.episode.seed for info in DemoSet.open(tmp_path).episodes] == [400_000]
    assert len(list((tmp_path / "train" / "states").iterdir())) == 1


def test_more_episodes_are_added_to_those_that_are_there(tmp_path, monkeypatch, make_demo):
    acted = []
    monkeypatch.setattr(module, "run_expert", _acted(make_demo, acted))
    collect(_config(tmp_path, ("open_drawer",), episodes=2))
    collect(_config(tmp_path, ("open_drawer",), episodes=5, claim=RESUME))
    assert [episode.seed for episode in acted] == list(range(5))
    assert len(DemoSet.open(tmp_path)) == 5


def test_a_failing_expert_draws_another_seed_and_says_so(tmp_path, monkeypatch, make_demo):
    def fail_on_small_seeds(_env, episode):
        if episode.seed < 2 * RETRY_STRIDE:
            raise DemonstrationFailed(f"{episode}: goal not reached")
        return make_demo(**vars(episode))

    monkeypatch.setattr(module, "run_expert", fail_on_small_seeds)
    reports = collect(_config(tmp_path, ("open_drawer",), episodes=1))
    info = DemoSet.open(tmp_path).episodes[0]
    assert info.seed == 2 * RETRY_STRIDE
    assert len(info.failures) == 2
    assert reports[0].runs == 3
    assert reports[0].expert_success == pytest.approx(1 / 3)


def test_an_expert_that_never_succeeds_is_an_error_that_names_the_episode(tmp_path, monkeypatch):
    def fail(_env, episode):
        raise DemonstrationFailed(f"{episode.seed}: no_path")

    monkeypatch.setattr(module, "run_expert", fail)
    with pytest.raises(DemonstrationFailed, match=r"1 of 1 .*episode 0 \(open_drawer, variation 0"):
        collect(_config(tmp_path, ("open_drawer",), episodes=1))
    assert json.loads((tmp_path / "train" / "worklist.json").read_text())["episodes"] == 1


def test_a_broken_episode_costs_no_other_and_can_be_resumed(tmp_path, monkeypatch, make_demo):
    def break_one(_env, episode):
        if episode.variation == 1:
            raise OSError("no space left")
        return make_demo(**vars(episode))

    monkeypatch.setattr(module, "run_expert", break_one)
    with pytest.raises(EpisodesMissing, match=r"1 of 3 .*--resume: .*OSError: no space left"):
        collect(_config(tmp_path, ("open_drawer",), episodes=3))
    assert _recorded(tmp_path) == [0, 2]
    monkeypatch.setattr(module, "run_expert", _acted(make_demo))
    collect(_config(tmp_path, ("open_drawer",), episodes=3, claim=RESUME))
    assert _recorded(tmp_path) == [0, 1, 2]  # in order again


def test_each_kind_of_failure_is_counted_apart_with_its_own_remedy(tmp_path, monkeypatch):
    errors = [WorkerCrashed("worker"), DemonstrationFailed("seeds"), WorkerCrashed("worker")]
    errors += [ValueError("bug")] * (campaign.NAMED + 2)

    def run_units(_function, units, _crew, on_done):
        for unit, error in zip(units, errors, strict=True):
            on_done(Done(unit, None, error))

    monkeypatch.setattr(campaign, "run_units", run_units)
    with pytest.raises(DemonstrationFailed) as caught:
        collect(_config(tmp_path, ("open_drawer",), episodes=len(errors)))
    said = str(caught.value)
    assert (
        "1 of 15 episodes could not be made, choose another --seed: episode 1 (open_drawer" in said
    )
    assert "2 of 15 episodes lost their worker, run again with --resume" in said
    assert "12 of 15 episodes broke, mend that and run again with --resume" in said
    assert said.count("ValueError: bug") == campaign.NAMED
    assert said.endswith("and 2 more, see the log")


def test_what_is_reported_is_counted_from_the_records():
    infos = [
        make.episode(0, provenance=Provenance(attempt=3), failures=("seed 0: no_path",)),
        make.episode(1, variation=1, provenance=Provenance(attempt=1), keyframe_steps=(9,)),
        make.episode(2, task="open_drawer", provenance=Provenance(attempt=7)),
    ]
    report = module._report("push_buttons", infos)
    assert (report.episodes, report.variations, report.runs) == (2, 2, 3)
    assert (report.placements, report.rejected) == (6, 4)
    assert (report.mean_keyframes, report.mean_rows) == (1.5, 10.0)
