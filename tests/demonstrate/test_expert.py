"""The expert's demonstration: what it holds, and that it comes out the same."""

import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from premotor.demonstrate import expert
from premotor.demonstrate.expert import Recording, film, record, run_expert
from premotor.demonstrate.provenance import provenance
from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import CAMERAS
from premotor.errors import ConfigError, DemonstrationFailed, PlacementFailed
from premotor.folders import SplitFolder
from premotor.geometry.poses import Pose
from premotor.simulate.environment import MAX_ATTEMPTS, Environment, Outcome
from premotor.simulate.motion import Planner
from premotor.store.writer import write_episode

pytestmark = pytest.mark.sim
EPISODE = EpisodeId("slide_block_to_color_target", 0, 3)


@pytest.fixture(scope="module")
def demo():
    return run_expert(Environment(), EPISODE)


def test_frame_0_and_the_keyframes_are_seen_and_every_row_is_filmed(demo):
    steps = [k.step for k in demo.keyframes]
    assert steps == sorted(set(steps))
    assert steps[0] > 0
    assert steps[-1] == len(demo.observations) - 1
    for step, row in enumerate(demo.observations):
        assert set(row.views) == (set(CAMERAS) if step in (0, *steps) else set())
    assert len(demo.clip.frames) == len(demo.observations) == len(demo.states)


def test_rows_are_a_twentieth_of_a_second_apart_while_the_arm_moves(demo):
    gaps = np.diff([row.time for row in demo.observations])
    assert gaps.min() == pytest.approx(0.05)
    assert gaps[0] < 0.11  # the first row, while the arm is still slow, may be left out
    gaps[0] = 0.05
    rests = np.flatnonzero(gaps > 0.051)  # at the end of a motion, and while the fingers move
    assert set(rests + 1) <= {keyframe.step for keyframe in demo.keyframes}
    changed = np.array([a.gripper_open != b.gripper_open for a, b in pairwise(demo.observations)])
    assert gaps[rests][~changed[rests]].max(initial=0.0) <= 0.25
    assert gaps[rests][changed[rests]].max(initial=0.0) <= 0.65


@pytest.mark.parametrize(("variation", "seed"), [(1, 73), (0, 138), (2, 5)])
def test_nothing_knocks_the_fingers_on_the_way(variation, seed):
    # coarser collision checks let them graze the cabinet here: two keyframes that nobody meant
    recording = record(Environment(), EpisodeId("open_drawer", variation, seed))
    assert [k.gripper_open for k in recording.keyframes] == [True, False, False]


def test_views_belong_to_their_rows(demo):
    keyframe = demo.keyframes[0]
    row = demo.observations[keyframe.step]
    wrist = row.views["wrist"].world_from_camera
    assert np.linalg.norm(wrist[:3, 3] - row.end_effector.position) < 0.12
    assert np.array_equal(row.views["front"].rgb, demo.clip.frames[keyframe.step])
    assert np.abs(demo.clip.frames[-1].astype(int) - demo.clip.frames[0]).max() > 50


def test_a_keyframe_holds_what_its_row_holds(demo):
    for keyframe in demo.keyframes:
        row = demo.observations[keyframe.step]
        assert np.array_equal(keyframe.end_effector.position, row.end_effector.position)
        assert keyframe.gripper_open == row.gripper_open
        assert keyframe.ignore_collisions == row.ignore_collisions


def test_the_same_episode_gives_the_same_bytes_whatever_ran_before(demo, tmp_path):
    env = Environment()
    run_expert(env, EpisodeId("push_buttons", 0, 1))
    again = run_expert(env, EPISODE)
    first = write_episode(SplitFolder(tmp_path / "a"), 0, demo)
    second = write_episode(SplitFolder(tmp_path / "b"), 0, again)
    assert [f.sha256 for f in first.files] == [f.sha256 for f in second.files]
    assert first == second


def test_provenance_names_software_renderer_and_meshes(demo):
    known = demo.provenance
    assert {"premotor", "mujoco", "numpy"} <= set(known.versions)
    assert known.python.startswith("3.")
    assert known.machine
    assert len(known.meshes) == 64
    assert "osmesa" in known.renderer or "egl" in known.renderer
    other = provenance(2, ["a; b", "c"], strict=not known.strict)
    drawn = {"attempt": 2, "rejections": ("a; b", "c"), "strict": not known.strict}
    assert other == replace(known, **drawn)


def test_a_film_has_a_picture_per_row():
    env = Environment()
    recording = record(env, EPISODE)
    pictures = film(env, recording, "hero", (64, 48))
    first = next(pictures)
    assert first.shape == (48, 64, 3)
    assert first.std() > 10
    pictures.close()


def test_an_expert_that_finds_no_path_says_which_episode(monkeypatch):
    env = Environment()
    monkeypatch.setattr(env, "act", lambda *_, **__: Outcome(False, False, True, "no_path"))
    with pytest.raises(DemonstrationFailed, match=r"0, seed 3: waypoint 0: no_path") as caught:
        record(env, EPISODE)
    assert caught.value.reason == "waypoint 0: no_path"


def test_an_episode_that_cannot_be_meant_is_refused():
    with pytest.raises(ConfigError, match="from 0 on, got -1"):
        record(Environment(), EpisodeId(EPISODE.task, 0, -1))


def test_no_layout_says_why_each_was_rejected_in_another_process_too(monkeypatch):
    monkeypatch.setattr(Planner, "links_free", lambda *_: False)
    with pytest.raises(PlacementFailed, match="40 attempts") as caught:
        record(Environment(), EpisodeId("open_drawer", 0, 0))
    error = pickle.loads(pickle.dumps(caught.value))
    assert (str(error), error.rejections) == (str(caught.value), caught.value.rejections)
    assert len(error.rejections) == MAX_ATTEMPTS
    assert all(" at 'cabinet" in text for text in error.rejections)
    assert any("in the way at waypoint" in text for text in error.rejections)


def test_an_episode_without_success_is_no_demonstration(monkeypatch):
    env = Environment()
    waits = []
    monkeypatch.setattr(env, "act", lambda *_, **__: Outcome(False, False, False, ""))
    monkeypatch.setattr(
        env, "wait", lambda rows, _: waits.append(rows) or Outcome(False, False, False, "")
    )
    with pytest.raises(DemonstrationFailed, match="goal not reached"):
        record(env, EPISODE)
    assert waits == [10]


def test_an_episode_whose_keyframe_nobody_may_act_is_not_kept(monkeypatch):
    low = Keyframe(Pose.of((0.4, 0.1, 0.7498)), False, False, 3)
    made = Recording((), np.zeros((0, 1)), (low,), True)
    monkeypatch.setattr(expert, "record", lambda *_: made)
    monkeypatch.setattr(expert, "_render", None)  # nothing is rendered for it
    with pytest.raises(DemonstrationFailed, match=r"keyframe 0 at .*0.7498\] m lies outside"):
        run_expert(Environment(), EPISODE)


def test_a_keyframe_says_what_the_waypoint_that_it_ends_says_is_as_good():
    env = Environment()
    keyframes = record(env, EpisodeId("stack_cups", 3, 3)).keyframes
    assert [i for i, keyframe in enumerate(keyframes) if keyframe.turns] == [0, 3, 5, 8]
    stays = env.world.body_pose("cup_base").position[:2]
    for index in (3, 8):  # over the cup that stays, in which the others are now
        turns = keyframes[index].turns
        assert turns.center == pytest.approx(stays, abs=2e-3)
        away = keyframes[index].end_effector.position[:2] - turns.center
        assert np.linalg.norm(away) == pytest.approx(0.046, abs=2e-3)  # the radius of a rim


def test_without_a_waypoint_that_says_so_a_keyframe_has_one_right_answer(demo):
    assert all(keyframe.turns is None for keyframe in demo.keyframes)
