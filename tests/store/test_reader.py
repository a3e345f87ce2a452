import numpy as np
import pyarrow.parquet as pq
import pytest

from premotor.episode.observation import CAMERAS
from premotor.errors import DataError, UnknownName
from premotor.store import layout
from premotor.store.meta import finalize
from premotor.store.reader import DemoSet
from premotor.store.writer import write_episode


@pytest.fixture
def data(tmp_path, make_demo):
    folder = tmp_path / "train"
    infos = [write_episode(folder, i, make_demo(seed=i)) for i in range(3)]
    finalize(folder, infos)
    return tmp_path


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


def test_only_frame_0_and_keyframes_carry_all_four_views(data):
    seen = DemoSet.open(data).observations(2)
    assert len(seen) == 4
    assert all(set(o.views) == set(CAMERAS) for o in seen)


def test_some_tasks_alone_can_be_read_and_missing_ones_are_named(tmp_path, make_demo):
    demos = [make_demo(seed=i, task=task) for i, task in enumerate(("jar", "tap", "jar"))]
    infos = [write_episode(tmp_path / "train", i, demo) for i, demo in enumerate(demos)]
    finalize(tmp_path / "train", infos)
    whole = DemoSet.open(tmp_path)
    jars = whole.only(["jar"])
    assert [info.index for info in jars.episodes] == [0, 2]
    assert jars.fingerprint() != whole.fingerprint() == whole.only(["tap", "jar"]).fingerprint()
    with pytest.raises(UnknownName, match="did you mean 'jar'"):
        whole.only(["jars"])


def test_the_same_demo_gives_the_same_bytes_at_any_place_in_the_list(tmp_path, make_demo):
    first = write_episode(tmp_path / "a", 0, make_demo(seed=5))
    later = write_episode(tmp_path / "b", 7, make_demo(seed=5))
    assert first.content == later.content
    assert [f.sha256 for f in first.files] == [f.sha256 for f in later.files]
    assert first.content != write_episode(tmp_path / "a", 1, make_demo(seed=6)).content


@pytest.mark.parametrize(
    "file", [layout.keyframes_path, layout.states_path, layout.video_path, layout.data_path]
)
def test_a_truncated_episode_is_named_at_once_and_skipped_only_on_request(data, file):
    path = data / "train" / file(1)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=rf"episode 1 .*{path.name} is truncated.*--skip-bad"):
        DemoSet.open(data)
    kept = DemoSet.open(data, skip_bad=True)
    assert [e.index for e in kept.episodes] == [0, 2]
    assert "episode 1" in kept.skipped[0]
    assert kept.demo(1).seed == 2


def test_a_flipped_byte_is_named_when_the_episode_is_read(data):
    path = data / "train" / layout.keyframes_path(2)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    demos = DemoSet.open(data)
    assert demos.demo(0).seed == 0
    with pytest.raises(DataError, match=r"episode 2 .*corrupted"):
        demos.observations(2)
    assert len(DemoSet.open(data, skip_bad=True)) == 2


@pytest.mark.parametrize("content", [b"", b'{"index": 1}', b"\xff\xff"])
def test_a_damaged_record_is_named(data, content):
    (data / "train" / layout.record_path(1)).write_bytes(content)
    with pytest.raises(DataError, match=r"episode 1: .*not its record"):
        DemoSet.open(data)


def test_a_lost_record_is_noticed(data):
    (data / "train" / layout.record_path(2)).unlink()
    with pytest.raises(DataError, match=r"episode 2: .* is missing"):
        DemoSet.open(data)


def test_a_missing_split_names_those_that_exist(data):
    with pytest.raises(DataError, match=r"splits found in .*: train"):
        DemoSet.open(data, "val")


def test_an_unfinished_set_says_how_to_finish_it(data):
    (data / "train" / layout.INFO_PATH).unlink()
    with pytest.raises(DataError, match=r"3 episodes so far.*--resume"):
        DemoSet.open(data)


def test_global_row_numbers_run_through_all_episodes(data):
    folder = data / "train"
    tables = [pq.read_table(folder / layout.data_path(i)) for i in range(3)]
    rows = np.concatenate([t.column("index").to_numpy() for t in tables])
    assert np.array_equal(rows, np.arange(3 * 14))
    tasks = pq.read_table(folder / "meta/tasks.parquet")
    assert tasks.column("task_index").to_pylist() == [0, 1, 2]
    assert len(tables[1].column("action")[0]) == 9


def test_the_action_of_a_row_is_the_next_keyframe(data):
    demos = DemoSet.open(data)
    table = pq.read_table(demos.folder / layout.data_path(0))
    actions = np.array(table.column("action").to_pylist())
    keys = np.stack([k.action() for k in demos.keyframes(0)])
    assert np.allclose(actions[[0, 3, 4, 8, 9, 13]], keys[[0, 0, 1, 1, 2, 2]], atol=1e-6)


def test_finalizing_again_changes_no_byte(data):
    folder = data / "train"
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    finalize(folder, [layout.read_record(folder, i) for i in range(3)])
    after = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert before == after


def test_the_fingerprint_follows_the_contents(data, make_demo):
    before = DemoSet.open(data).fingerprint()
    folder = data / "train"
    assert DemoSet.open(data).fingerprint() == before
    write_episode(folder, 2, make_demo(seed=9))
    finalize(folder, [layout.read_record(folder, i) for i in range(3)])
    assert DemoSet.open(data).fingerprint() != before


def test_single_frames_are_those_of_the_whole_clip(data):
    demos = DemoSet.open(data)
    rows = np.array([0, 13, 5, 5])
    assert np.array_equal(demos.frames(1, rows).frames, demos.clip(1).frames[rows])
