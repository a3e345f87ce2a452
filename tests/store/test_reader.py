from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from premotor.episode.demo import Demo
from premotor.episode.observation import CAMERAS
from premotor.episode.turns import Turns
from premotor.errors import DataError, UnknownName
from premotor.folders import SplitFolder
from premotor.records import write_lines
from premotor.store import images, video
from premotor.store.ledger import EpisodeLedger
from premotor.store.lerobot import finalize
from premotor.store.reader import DemoSet
from premotor.store.writer import write_episode
from small_data import as_in_0_1_0, write_split


@pytest.fixture
def folder(tmp_path, make_demo) -> SplitFolder:
    """Three episodes of the split train."""
    return write_split(tmp_path / "train", (make_demo(seed=i) for i in range(3)))


@pytest.fixture
def data(folder):
    """Where the split lies."""
    return folder.path.parent


def _files(folder: SplitFolder) -> dict[str, bytes]:
    return {folder.relative(p): p.read_bytes() for p in folder.path.rglob("*") if p.is_file()}


def test_a_demo_comes_back_exactly_but_for_depth_steps_and_video_loss(data, make_demo):
    wrote, read = make_demo(seed=1), DemoSet.open(data).demo(1)
    assert read.instructions == wrote.instructions
    assert np.array_equal(read.states, wrote.states)
    assert [k.step for k in read.keyframes] == [k.step for k in wrote.keyframes]
    for a, b in zip(read.keyframes, wrote.keyframes, strict=True):
        assert np.array_equal(a.action(), b.action())
    for a, b in zip(read.observations, wrote.observations, strict=True):
        assert np.array_equal(a.joint_velocities, b.joint_velocities)
        assert np.array_equal(a.end_effector.quaternion, b.end_effector.quaternion)
        assert (a.time, a.gripper_open, a.ignore_collisions) == (
            b.time,
            b.gripper_open,
            b.ignore_collisions,
        )
        assert set(a.views) == set(b.views)
        for camera, view in a.views.items():
            assert np.array_equal(view.rgb, b.views[camera].rgb)
            assert np.abs(view.depth - b.views[camera].depth).max() < 0.51e-4
            assert np.array_equal(view.world_from_camera, b.views[camera].world_from_camera)
    error = read.clip.frames.astype(int) - wrote.clip.frames.astype(int)
    assert np.abs(error).mean() < 3


def _with_turns(demo: Demo, *turns: Turns | None) -> Demo:
    known = zip(demo.keyframes, turns, strict=True)
    return replace(demo, keyframes=tuple(replace(k, turns=t) for k, t in known))


def test_what_is_as_good_as_a_keyframe_comes_back_and_counts_as_content(tmp_path, make_demo):
    turns = Turns((0.25, -0.1), (0.5, 1.5), symmetry=2)
    plain = make_demo(seed=0)
    told = _with_turns(plain, turns, *[None] * (len(plain.keyframes) - 1))
    for name, demo in (("plain", plain), ("told", told)):
        write_split(tmp_path / name / "train", [demo])
    read, other = DemoSet.open(tmp_path / "told"), DemoSet.open(tmp_path / "plain")
    assert [k.turns for k in read.keyframes(0)] == [turns] + [None] * (len(plain.keyframes) - 1)
    assert all(k.turns is None for k in other.keyframes(0))
    assert other.episodes[0].turns == ()
    assert read.fingerprint() != other.fingerprint()
    assert read.episodes[0].content == other.episodes[0].content  # no array differs


def test_a_record_of_turns_for_another_number_of_keyframes_is_refused(tmp_path, make_demo):
    folder = write_split(tmp_path / "train", [make_demo(seed=0)])
    (info,) = EpisodeLedger.of(folder).read()
    write_lines(folder.records, [replace(info, turns=(None,))])
    with pytest.raises(DataError, match=r"turns has 1 entries for 3 keyframes; expected none or"):
        DemoSet.open(tmp_path)


def test_only_frame_0_and_keyframes_carry_all_four_views(data):
    seen = DemoSet.open(data).observations(2)
    assert len(seen) == 4
    assert all(set(o.views) == set(CAMERAS) for o in seen)


def test_some_tasks_alone_can_be_read_and_missing_ones_are_named(tmp_path, make_demo):
    demos = [make_demo(seed=i, task=task) for i, task in enumerate(("jar", "tap", "jar"))]
    write_split(tmp_path / "train", demos)
    whole = DemoSet.open(tmp_path)
    jars = whole.only(["jar"])
    assert [info.index for info in jars.episodes] == [0, 2]
    assert jars.fingerprint() != whole.fingerprint() == whole.only(["tap", "jar"]).fingerprint()
    with pytest.raises(UnknownName, match="did you mean 'jar'"):
        whole.only(["jars"])


def test_the_same_demo_gives_the_same_bytes_at_any_place_in_the_list(tmp_path, make_demo):
    folder = SplitFolder(tmp_path / "a")
    first = write_episode(folder, 0, make_demo(seed=5))
    later = write_episode(SplitFolder(tmp_path / "b"), 7, make_demo(seed=5))
    assert first.content == later.content
    assert [f.sha256 for f in first.files] == [f.sha256 for f in later.files]
    assert first.content != write_episode(folder, 1, make_demo(seed=6)).content


@pytest.mark.parametrize(
    "file", [SplitFolder.keyframes, SplitFolder.states, SplitFolder.video, SplitFolder.data]
)
def test_a_truncated_episode_is_named_at_once_and_skipped_only_on_request(data, folder, file):
    path = file(folder, 1)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=rf"episode 1 .*{path.name} is truncated.*--skip-bad"):
        DemoSet.open(data)
    kept = DemoSet.open(data, skip_bad=True)
    assert [e.index for e in kept.episodes] == [0, 2]
    assert "episode 1" in kept.skipped[0]
    assert kept.demo(1).episode.seed == 2


def test_a_flipped_byte_is_named_when_the_episode_is_read(data, folder):
    path = folder.keyframes(2)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    demos = DemoSet.open(data)
    assert demos.demo(0).episode.seed == 0
    with pytest.raises(DataError, match=r"episode 2 .*corrupted"):
        demos.observations(2)
    assert len(DemoSet.open(data, skip_bad=True)) == 2


@pytest.mark.parametrize("content", [b"\n", b'{"index": 1}\n', b"\xff\xff\n"])
def test_a_damaged_record_is_named_and_skipped_only_on_request(data, folder, content):
    lines = folder.records.read_bytes().splitlines(keepends=True)
    folder.records.write_bytes(b"".join([lines[0], content, lines[2]]))
    named = r"episode 1: not its record: .*episodes\.jsonl:2: .*--resume .*--skip-bad"
    with pytest.raises(DataError, match=named):
        DemoSet.open(data)
    assert [e.index for e in DemoSet.open(data, skip_bad=True).episodes] == [0, 2]


@pytest.mark.parametrize("lost", [0, 2])
def test_a_lost_record_is_noticed(data, folder, lost):
    lines = folder.records.read_bytes().splitlines(keepends=True)
    folder.records.write_bytes(b"".join(line for i, line in enumerate(lines) if i != lost))
    with pytest.raises(DataError, match=rf"episode {lost}: its record is missing .*--skip-bad"):
        DemoSet.open(data)
    assert len(DemoSet.open(data, skip_bad=True)) == 2


def test_a_record_that_was_cut_off_is_noticed(data, folder):
    folder.records.write_bytes(folder.records.read_bytes()[:-20])
    with pytest.raises(DataError, match="episode 2: its record is missing"):
        DemoSet.open(data)


def test_a_data_set_of_version_0_1_0_is_read_as_what_it_was(data, folder):
    before = DemoSet.open(data)
    as_in_0_1_0(folder)
    assert "version.mujoco" in (folder.path / "episodes" / "episode_000001.json").read_text()
    assert not folder.records.exists()
    now = DemoSet.open(data)
    assert now.episodes == before.episodes
    assert now.fingerprint() == before.fingerprint()


def test_a_data_set_of_version_0_1_0_names_a_damaged_or_lost_record(data, folder):
    as_in_0_1_0(folder)
    path = folder.path / "episodes" / "episode_000001.json"
    path.write_bytes(b"{")
    with pytest.raises(DataError, match="episode 1: not its record"):
        DemoSet.open(data)
    assert [e.index for e in DemoSet.open(data, skip_bad=True).episodes] == [0, 2]
    path.unlink()
    with pytest.raises(DataError, match="episode 1: its record is missing"):
        DemoSet.open(data)
    folder.info.unlink()
    with pytest.raises(DataError, match=r"2 episodes so far.*--resume"):
        DemoSet.open(data)


def test_a_missing_split_names_those_that_exist(data):
    with pytest.raises(DataError, match=r"splits found in .*: train"):
        DemoSet.open(data, "val")


def test_an_unfinished_set_says_how_to_finish_it(data, folder):
    folder.info.unlink()
    with pytest.raises(DataError, match=r"3 episodes so far.*--resume"):
        DemoSet.open(data)


def test_global_row_numbers_run_through_all_episodes(folder):
    tables = [pq.read_table(folder.data(i)) for i in range(3)]
    rows = np.concatenate([t.column("index").to_numpy() for t in tables])
    assert np.array_equal(rows, np.arange(3 * 14))
    tasks = pq.read_table(folder.instructions)
    assert tasks.column("task_index").to_pylist() == [0, 1, 2]
    assert len(tables[1].column("action")[0]) == 9


def test_the_action_of_a_row_is_the_next_keyframe(data):
    demos = DemoSet.open(data)
    table = pq.read_table(demos.folder.data(0))
    actions = np.array(table.column("action").to_pylist())
    keys = np.stack([k.action() for k in demos.keyframes(0)])
    assert np.allclose(actions[[0, 3, 4, 8, 9, 13]], keys[[0, 0, 1, 1, 2, 2]], atol=1e-6)


def test_finalizing_again_changes_no_byte(folder):
    before = _files(folder)
    finalize(folder, EpisodeLedger.of(folder).read())
    assert _files(folder) == before


def test_finalizing_reads_no_picture_back(folder, monkeypatch):
    before, opened = _files(folder), []
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path) or read(path))
    for module, name in ((images, "decode_rgb"), (images, "decode_depth"), (video, "decode")):
        monkeypatch.setattr(module, name, None)
    finalize(folder, EpisodeLedger.of(folder).read())
    assert folder.states(2) in opened
    assert not [path for path in opened if path.parent == folder.keyframes(0).parent]
    assert _files(folder) == before


def test_the_size_of_a_video_is_that_of_its_frames(folder):
    data = folder.video(0).read_bytes()
    assert video.size(data) == video.decode(data).shape[1:3]
    with pytest.raises(DataError, match="not a video"):
        video.size(b"no video")


def test_a_set_that_is_written_into_is_unfinished_until_it_is_finalized(data, folder, make_demo):
    write_episode(folder, 2, make_demo(seed=9))
    with pytest.raises(DataError, match="unfinished"):
        DemoSet.open(data)


def test_the_fingerprint_follows_the_contents(data, folder, make_demo):
    before = DemoSet.open(data).fingerprint()
    assert DemoSet.open(data).fingerprint() == before
    infos = EpisodeLedger.of(folder).read()
    finalize(folder, [*infos[:2], write_episode(folder, 2, make_demo(seed=9))])
    assert DemoSet.open(data).fingerprint() != before


def test_single_frames_are_those_of_the_whole_clip(data):
    demos = DemoSet.open(data)
    rows = np.array([0, 13, 5, 5])
    assert np.array_equal(demos.frames(1, rows).frames, demos.clip(1).frames[rows])
