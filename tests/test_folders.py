"""Folders that commands write: who may write into them, and what is thrown away."""

import multiprocessing
from pathlib import Path

import pytest

from premotor import folders
from premotor.errors import ConfigError, OutputExists
from premotor.folders import (
    AblationFolder,
    Claim,
    EvaluationFolder,
    OutputFolder,
    ProbeFolder,
    RunFolder,
    SplitFolder,
    SurveyFolder,
)

RESUME, OVERWRITE = Claim(resume=True), Claim(overwrite=True)
CLAIMS = {"neither": Claim(), "resume": RESUME, "overwrite": OVERWRITE}
EARLY = {  # what each command leaves first
    SplitFolder: "worklist.json",
    SurveyFolder: "experts.jsonl",
    RunFolder: "config.yaml",
    EvaluationFolder: "rollouts.jsonl",
    ProbeFolder: "rollouts.jsonl",
    AblationFolder: "trainings.jsonl",
}


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(folders, "_PATIENCE", 0.0)


def begun(tmp_path: Path, kind: type[OutputFolder] = SurveyFolder) -> OutputFolder:
    """A folder in which the command has begun."""
    folder = kind(tmp_path / "out")
    folder.path.mkdir()
    (folder.path / EARLY[kind]).write_text("something")
    return folder


def names(folder: OutputFolder) -> list[str]:
    return sorted(p.relative_to(folder.path).as_posix() for p in folder.path.rglob("*"))


def test_one_cannot_both_keep_and_throw_away():
    with pytest.raises(ConfigError, match="--resume keeps what --overwrite throws away"):
        Claim(resume=True, overwrite=True)


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_folder_that_is_not_there_is_made(tmp_path, claim):
    folder = SurveyFolder(tmp_path / "a" / "b")
    assert not folder.begun
    folder.claim(claim)
    assert folder.path.is_dir()
    assert not folder.begun
    folder.claim(claim)  # empty, it is as good as not there


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_what_a_crash_left_before_anything_was_there_does_not_count(tmp_path, claim):
    folder = SurveyFolder(tmp_path)
    for name in (".lock", ".experts.jsonl.77.tmp"):
        (tmp_path / name).touch()
    assert not folder.begun
    folder.claim(claim)


@pytest.mark.parametrize("kind", EARLY)
def test_what_is_there_is_refused_unless_something_else_is_said(tmp_path, kind):
    folder = begun(tmp_path, kind)
    for ask in (folder.check, folder.claim):
        with pytest.raises(OutputExists) as caught:
            ask(Claim())
        assert str(caught.value) == (
            f"{folder.path} is there; add --resume to go on with it, --overwrite to start anew, "
            "or choose another place"
        )
    assert names(folder) == [EARLY[kind]]


@pytest.mark.parametrize("kind", EARLY)
def test_resuming_keeps_all_but_what_a_crash_left(tmp_path, kind):
    folder = begun(tmp_path, kind)
    inner = folder.path / "inner"
    (inner / ".half.77.tmp").mkdir(parents=True)
    for path in (inner / ".half.77.tmp" / "a", inner / "b", folder.path / ".c.77.tmp"):
        path.touch()
    folder.check(RESUME)
    assert (folder.path / ".c.77.tmp").exists()  # to look changes nothing
    folder.claim(RESUME)
    assert set(names(folder)) == {EARLY[kind], "inner", "inner/b", ".lock"}


@pytest.mark.parametrize("kind", EARLY)
def test_overwriting_empties_the_folder_and_leaves_nothing_beside_it(tmp_path, kind):
    folder = begun(tmp_path, kind)
    folder.check(OVERWRITE)
    assert names(folder) == [EARLY[kind]]
    folder.claim(OVERWRITE)
    assert names(folder) == []
    assert list(tmp_path.iterdir()) == [folder.path]


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
@pytest.mark.parametrize("kind", EARLY)
def test_a_folder_of_another_kind_is_never_touched(tmp_path, kind, claim):
    folder = kind(tmp_path)
    thesis = tmp_path / "thesis.tex"
    thesis.write_text("years of work")
    (tmp_path / ".thesis.77.tmp").touch()
    for ask in (folder.check, folder.claim):
        with pytest.raises(OutputExists) as caught:
            ask(claim)
        lacking = f"no {' or '.join(kind.marks)} in it"
        assert str(caught.value) == (
            f"{tmp_path} is there and is not {kind.kind} ({lacking}); choose another place"
        )
    assert names(folder) == [".thesis.77.tmp", "thesis.tex"]


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_file_in_the_folder_s_place_is_never_touched(tmp_path, claim):
    path = tmp_path / "out"
    path.write_text("years of work")
    with pytest.raises(OutputExists, match="is not a survey"):
        SurveyFolder(path).claim(claim)
    assert path.read_text() == "years of work"


def test_a_cache_that_a_training_may_be_building_is_not_swept(tmp_path):
    folder = begun(tmp_path, SplitFolder)
    building, cut = folder.path / "cache" / ".key.7.tmp", folder.path / "states" / ".a.7.tmp"
    for path in (building, cut):
        path.mkdir(parents=True)
    folder.claim(RESUME)
    assert building.exists()
    assert not cut.exists()


@pytest.mark.parametrize("claim", [RESUME, OVERWRITE])
def test_a_folder_in_which_another_is_at_work_is_refused_and_untouched(tmp_path, impatient, claim):
    folder = begun(tmp_path)
    with folder.owned():
        (folder.path / ".a.77.tmp").touch()  # the other's
        with pytest.raises(OutputExists, match=rf"at work in {folder.path}; wait or stop it"):
            folder.claim(claim)
        assert names(folder) == [".a.77.tmp", ".lock", "experts.jsonl"]
    folder.claim(claim)


def test_the_lock_is_free_once_its_owner_has_ended(tmp_path, impatient):
    folder = SurveyFolder(tmp_path / "out")
    with pytest.raises(ZeroDivisionError), folder.owned():
        raise ZeroDivisionError
    with folder.owned():
        assert not folder.begun


def _own_and_wait(path: Path, at_work, wait) -> None:
    with SurveyFolder(path).owned():
        at_work.set()
        wait.wait(60)


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path, impatient):
    context = multiprocessing.get_context("spawn")
    at_work, wait = context.Event(), context.Event()
    other = context.Process(target=_own_and_wait, args=(tmp_path, at_work, wait))
    other.start()
    assert at_work.wait(60)
    folder = SurveyFolder(tmp_path)
    with pytest.raises(OutputExists, match="another process"), folder.owned():
        pass
    other.kill()
    other.join()
    with folder.owned():
        pass


def test_a_lock_that_is_soon_freed_is_waited_for(tmp_path, monkeypatch):
    folder = SurveyFolder(tmp_path)
    first = folder.owned()
    first.__enter__()
    monkeypatch.setattr(folders.time, "sleep", lambda _: first.__exit__(None, None, None))
    with folder.owned():
        pass


def test_an_episode_s_files_lie_where_lerobot_looks_for_them(tmp_path):
    folder = SplitFolder(tmp_path / "train")
    assert folder.name == "train"
    assert folder.relative(folder.data(2017)) == "data/chunk-002/file-017.parquet"
    video = "videos/observation.images.front/chunk-002/file-017.mp4"
    assert folder.relative(folder.video(2017)) == video
    assert folder.relative(folder.keyframes(2017)) == "keyframes/episode_002017.parquet"
    assert folder.relative(folder.states(2017)) == "states/episode_002017.parquet"
