"""What Gymnasium, its wrappers and its vector environments expect, holds for every task."""

import itertools
import os
import subprocess
import sys
import warnings

import av
import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import RecordVideo

from premotor.episode.identity import EpisodeId
from premotor.episode.observation import CAMERAS
from premotor.errors import ConfigError, PlacementFailed, UnknownName
from premotor.geometry.poses import Pose
from premotor.simulate import EPISODE_KEY_POSES
from premotor.simulate.environment import Environment
from premotor.simulate.gym_env import FIRST_DRAWN_SEED, ResetNeeded, TaskEnv
from premotor.simulate.gym_film import MotionVideo, Picture
from premotor.simulate.rig import Rig, check_size
from premotor.simulate.tasks import TASKS
from premotor.simulate.verbs import POINTING_DOWN

pytestmark = pytest.mark.sim

BUTTONS = "premotor/push_buttons-v0"
DOWN = np.roll(POINTING_DOWN, -1)  # xyzw
SMALL = {"image_size": (32, 32)}
ALL_BUT_ONE_WARNING = "we recommend using a symmetric and normalized space"


@pytest.fixture
def make():
    made = []

    def one(name=BUTTONS, **options):
        made.append(gymnasium.make(name, **{**SMALL, **options}))
        return made[-1]

    yield one
    for env in made:
        env.close()


def action(x, y, z, quaternion=DOWN, gripper=1.0, ignore=0.0):
    return np.array([x, y, z, *quaternion, gripper, ignore])


def behind(env) -> Environment:
    return env.unwrapped.environment


def same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)


def test_every_task_is_registered():
    registered = {name for name in gymnasium.registry if name.startswith("premotor/")}
    assert registered == {f"premotor/{task}-v0" for task in TASKS}
    assert all(gymnasium.spec(name).max_episode_steps == EPISODE_KEY_POSES for name in registered)


@pytest.mark.parametrize("task", TASKS)
def test_gymnasiums_own_checker_has_nothing_to_say(make, task):
    env = make(f"premotor/{task}-v0", masks=True, picture=Picture(width=32, height=32))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        check_env(env.unwrapped)
    others = [str(w.message) for w in said if ALL_BUT_ONE_WARNING not in str(w.message)]
    assert not others


def test_instructions_of_every_variation_lie_in_the_space():
    space = TaskEnv("push_buttons").observation_space["instruction"]
    for task in TASKS.values():
        for variation in task.variations:
            for text in task.instructions(variation):
                assert text in space, text


def test_an_episode_is_the_one_of_the_environment(make):
    env, plain = make(), Environment(32, 32)
    plain.reset(EpisodeId("push_buttons", 4, 7))
    seen, info = env.reset(seed=7, options={"variation": 4})
    assert info["instructions"] == plain.instructions
    assert (info["task"], info["variation"], info["seed"]) == ("push_buttons", 4, 7)
    for keyframe in plain.waypoints():
        expected = plain.observe()
        for camera in CAMERAS:
            view = expected.views[camera]
            np.testing.assert_array_equal(seen[f"{camera}_rgb"], view.rgb)
            np.testing.assert_array_equal(seen[f"{camera}_depth"], view.depth)
            np.testing.assert_array_equal(
                seen[f"{camera}_world_from_camera"], view.world_from_camera
            )
        np.testing.assert_array_equal(seen["joint_positions"], expected.joint_positions)
        np.testing.assert_array_equal(seen["gripper_pose"][:3], expected.end_effector.position)
        outcome = plain.act(keyframe)
        seen, reward, terminated, truncated, info = env.step(keyframe.action())
        assert (reward, terminated, truncated) == (float(outcome.success), outcome.ended, False)
    assert outcome.success
    assert info["success"]
    assert info["error"] == ""
    plain.close()


def test_the_wrist_camera_moves_and_the_others_do_not(make):
    env = make()
    first, _ = env.reset(seed=0)
    second, *_ = env.step(action(0.3, 0.2, 1.1))
    moved = {
        c: (first[f"{c}_world_from_camera"] != second[f"{c}_world_from_camera"]).any()
        for c in CAMERAS
    }
    assert moved == {"front": False, "left_shoulder": False, "right_shoulder": False, "wrist": True}
    pose = Pose.of(second["gripper_pose"][:3], np.roll(second["gripper_pose"][3:], 1))
    np.testing.assert_allclose(pose.position, (0.3, 0.2, 1.1), atol=2e-3)
    wrist = np.linalg.inv(pose.matrix()) @ second["wrist_world_from_camera"]
    np.testing.assert_allclose(wrist[:3, 3], (-0.050, 0.002, -0.0921), atol=1e-6)


def test_the_seed_chooses_the_variation_where_nobody_does(make):
    env = make()
    chosen = [env.reset(seed=seed)[1]["variation"] for seed in (0, 1, 2, 3, 0)]
    assert chosen[0] == chosen[4]
    assert len(set(chosen)) > 1


def test_seeds_are_drawn_again_the_same_and_apart_from_data_sets(make):
    env = make()
    drawn = []
    for _ in range(2):
        env.reset(seed=5)
        drawn.append([env.reset()[1]["seed"] for _ in range(2)])
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[0][1]
    assert min(drawn[0]) >= FIRST_DRAWN_SEED


def test_a_drawn_seed_without_layout_is_drawn_again_and_a_given_one_is_told(make, monkeypatch):
    env = make()
    honest, calls = Environment.reset, []

    def refuse_once(self, episode):
        calls.append(episode)
        if len(calls) == 1:
            raise PlacementFailed("no admissible layout")
        honest(self, episode)

    monkeypatch.setattr(Environment, "reset", refuse_once)
    env.reset(options={"variation": 2})
    assert [episode.variation for episode in calls] == [2, 2]
    assert calls[0].seed != calls[1].seed
    calls.clear()
    with pytest.raises(PlacementFailed):
        env.reset(seed=1)
    with pytest.raises(ResetNeeded):  # the episode before is gone
        env.unwrapped.step(action(0.3, 0.0, 1.1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variation": 50}, "variations 0 to 49, got 50"),
        ({"variation": -1}, "got -1"),
        ({"variation": 1.5}, "whole number"),
        ({"variation": True}, "whole number, got True"),
        ({"variation": "1"}, "whole number"),
        ({"varation": 1}, r"unknown reset options \['varation'\]"),
    ],
)
def test_nonsense_options_are_refused(make, options, message):
    with pytest.raises(ConfigError, match=message):
        make().reset(seed=0, options=options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "push_button"}, "did you mean 'push_buttons'"),
        ({"cameras": ("fromt",)}, "did you mean 'front'"),
        ({"image_size": (0, 32)}, "width and a height"),
        ({"image_size": (32,)}, "width and a height"),
        ({"image_size": (True, 32)}, "whole numbers >= 1"),
        ({"render_mode": "human"}, "rgb_array_list"),
    ],
)
def test_nonsense_arguments_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        TaskEnv(**{"task": "push_buttons", **options})
    with pytest.raises(UnknownName):
        Picture(camera="heroo")
    with pytest.raises(ConfigError, match="whole numbers"):
        check_size((32.0, 32.0))


@pytest.mark.parametrize(
    ("chosen", "error", "reason"),
    [
        (action(np.nan, 0.0, 1.1), "invalid_action", "must be finite"),
        (action(0.3, np.inf, 1.1), "invalid_action", "must be finite"),
        (action(0.3, 0.0, 1.1, gripper=np.nan), "invalid_action", "must be finite"),
        (action(0.3, 0.0, 1.1, quaternion=(0, 0, 0, 0)), "invalid_action", "length 1, got 0.0"),
        (action(0.3, 0.0, 1.1, quaternion=DOWN * 1.01), "invalid_action", "length 1, got 1.01"),
        (action(0.8, 0.0, 1.1), "out_of_bounds", "outside the box"),
        (action(0.3, 0.0, 0.7), "out_of_bounds", "choose a point inside"),
        (action(0.77, 0.65, 1.7), "no_path", "no path to"),
    ],
)
def test_what_cannot_be_carried_out_ends_the_episode(make, chosen, error, reason):
    env = make()
    first, _ = env.reset(seed=0)
    seen, reward, terminated, truncated, info = env.step(chosen)
    assert (reward, terminated, truncated) == (0.0, True, False)
    assert info["error"] == error
    assert reason in info["reason"]
    assert not info["success"]
    same(seen, first)
    with pytest.raises(ResetNeeded, match="call reset"):
        env.step(action(0.3, 0.0, 1.1))
    env.reset(seed=0)
    assert not env.step(action(0.3, 0.0, 1.1))[2]


@pytest.mark.parametrize("shape", [(8,), (10,), (1, 9), ()])
def test_other_numbers_than_nine_are_the_callers_mistake(make, shape):
    env = make()
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="9 numbers"):
        env.step(np.zeros(shape))
    for nonsense in (["a"] * 9, [[1], [2, 3]], "up"):
        with pytest.raises(ConfigError, match="9 numbers"):
            env.step(nonsense)
    assert not env.step([0.3, 0.0, 1.1, *DOWN, 1, 0])[2]  # the episode still goes on


def test_acting_and_showing_need_an_episode():
    env = TaskEnv("push_buttons", render_mode="rgb_array")
    with pytest.raises(ResetNeeded):
        env.step(action(0.3, 0.0, 1.1))
    with pytest.raises(ResetNeeded):
        env.render()


def test_the_benchmarks_steps_are_the_limit(make):
    env = make(cameras=())
    env.reset(seed=0)
    ends = [env.step(action(0.3, 0.0, 1.1))[2:4] for _ in range(EPISODE_KEY_POSES)]
    assert set(ends[:-1]) == {(False, False)}
    assert ends[-1] == (False, True)


def test_without_cameras_nothing_is_rendered(make, monkeypatch):
    monkeypatch.setattr("premotor.simulate.gym_env.Rig", None)
    env = make(cameras=())
    seen, _ = env.reset(seed=0)
    assert not any(name.endswith("rgb") for name in seen)


def test_masks_and_the_overhead_camera_come_on_request(make):
    env = make(cameras=(*CAMERAS, "overhead"), masks=True, image_size=(96, 64))
    seen, info = env.reset(seed=0, options={"variation": 0})
    assert seen in env.observation_space
    assert seen["overhead_rgb"].shape == (64, 96, 3)
    assert seen["overhead_mask"].dtype == np.int32
    target = behind(env).cast.targets[0]
    index = info["mask_names"].index(target.name)
    rows, columns = np.nonzero(seen["overhead_mask"] == index)
    depth = seen["overhead_depth"][rows, columns]
    fx, cx, cy = (seen["overhead_intrinsics"][i] for i in ((0, 0), (0, 2), (1, 2)))
    rays = np.stack([(columns - cx) / fx, (rows - cy) / fx, np.ones(len(rows))], axis=1)
    points = rays * depth[:, None]
    camera = seen["overhead_world_from_camera"]
    center = (points @ camera[:3, :3].T + camera[:3, 3]).mean(axis=0)
    place = behind(env).world.body_pose(target.name).position
    assert np.linalg.norm(center[:2] - place[:2]) < 0.02


def test_a_picture_shows_how_things_stand(make):
    env = make(render_mode="rgb_array", picture=Picture("front", 64, 48))
    env.reset(seed=0)
    first = env.render()
    assert first.shape == (48, 64, 3)
    assert env.metadata["render_fps"] == 1
    env.step(action(0.3, 0.2, 1.1))
    assert (env.render() != first).any()


def test_pictures_of_a_motion_are_a_tenth_of_a_second_apart_whoever_moves(make):
    options = {"picture": Picture("front", 64, 48)}
    env, other = (make(render_mode=mode, **options) for mode in ("rgb_array_list", "rgb_array"))
    for one in (env, other):
        one.reset(seed=0)
    np.testing.assert_array_equal(env.render(), [other.render()])
    assert env.render() == []
    world = behind(env).world
    start, film, moved = world.time, [], []
    for gripper in (1.0, 0.0, 0.0, 1.0):  # opens and closes; the arm stays from the second on
        env.step(action(0.3, 0.2, 1.1, gripper=gripper))
        pictures = env.render()
        film += pictures
        moved.append(sum((a != b).any() for a, b in itertools.pairwise(pictures)))
        assert len(film) == pytest.approx(10 * (world.time - start), abs=1)
    assert moved[0] >= 5  # the arm
    assert moved[1] >= 1  # the fingers alone


def test_the_last_picture_shows_how_an_episode_ended(make):
    options = {"picture": Picture("front", 64, 48)}
    env, other = (make(render_mode=mode, **options) for mode in ("rgb_array_list", "rgb_array"))
    for one in (env, other):
        one.reset(seed=3, options={"variation": 1})
    for keyframe in behind(other).waypoints():
        for one in (env, other):
            *_, terminated, _, info = one.step(keyframe.action())
    assert terminated
    assert info["success"]
    film = env.render()
    np.testing.assert_array_equal(film[-1], other.render())
    assert any((a != b).any() for a, b in itertools.pairwise(film))
    env.reset(seed=0)
    env.render()
    env.step(action(0.3, np.nan, 1.1))
    assert len(env.render()) == 1


def test_showing_changes_nothing(make):
    shown, plain = make(render_mode="rgb_array_list"), make()
    for env in (shown, plain):
        env.reset(seed=3, options={"variation": 1})
    for keyframe in list(behind(plain).waypoints())[:3]:
        shown.render()
        a, b = (env.step(keyframe.action())[0] for env in (shown, plain))
        same(a, b)


def test_closing_twice_and_beginning_anew(make, monkeypatch):
    env = make(render_mode="rgb_array").unwrapped
    first, _ = env.reset(seed=1)
    env.render()
    behind(env).observe()
    opened = [env._eye, env._film._rig, behind(env)._rig]
    freed = []
    monkeypatch.setattr(Rig, "close", lambda rig: freed.append(rig))
    env.close()
    env.close()
    assert set(freed) == set(opened)
    monkeypatch.undo()
    for rig in freed:
        rig.close()
    with pytest.raises(ResetNeeded):
        env.render()
    same(env.reset(seed=1)[0], first)


def frames(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.parametrize(
    ("wrapper", "mode", "fps"),
    [(RecordVideo, "rgb_array", 1), (MotionVideo, "rgb_array_list", 10)],
)
def test_videos_are_recorded(make, tmp_path, wrapper, mode, fps):
    env = wrapper(
        make(render_mode=mode, picture=Picture(width=64, height=48)), str(tmp_path / "films")
    )
    env.reset(seed=0)
    assert env.frames_per_sec == fps
    start = behind(env).world.time
    for *place, gripper in ((0.3, 0.2, 1.1, 1.0), (0.3, -0.2, 1.2, 0.0), (0.3, -0.2, 1.2, 1.0)):
        env.step(action(*place, gripper=gripper))
    seconds = behind(env).world.time - start
    env.close()
    (video,) = tmp_path.glob("films/*.mp4")
    if mode == "rgb_array":
        assert frames(video) == 4  # one per step and one before
    else:
        assert frames(video) == pytest.approx(fps * seconds, abs=1)


def test_a_motion_video_says_what_it_needs(make, tmp_path):
    env = MotionVideo(make(render_mode="rgb_array"), str(tmp_path / "films"))
    with pytest.raises(ConfigError, match="rgb_array_list"):
        env.reset(seed=0)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_vector_environments_reset_what_has_ended(make, mode):
    kinds = {"vectorization_mode": "sync", "vector_kwargs": {"autoreset_mode": mode}}
    vector = gymnasium.make_vec(BUTTONS, num_envs=2, **kinds, **SMALL)
    stay, leave = action(0.3, 0.0, 1.1), action(0.9, 0.0, 1.1)
    try:
        before, _ = vector.reset(seed=[3, 4])
        seen, _, ended, _, info = vector.step(np.stack([stay, leave]))
        np.testing.assert_array_equal(ended, [False, True])
        if mode is AutoresetMode.SAME_STEP:
            assert info["final_info"]["error"][1] == "out_of_bounds"
            np.testing.assert_array_equal(info["final_obs"][1]["front_rgb"], before["front_rgb"][1])
        else:
            assert info["error"][1] == "out_of_bounds"
            np.testing.assert_array_equal(seen["front_rgb"][1], before["front_rgb"][1])
            seen, _, ended, _, info = vector.step(np.stack([stay, leave]))
            assert not ended.any()  # the action was not for the episode that begins
    finally:
        vector.close()
    assert info["seed"][0] == 3  # it goes on
    assert info["seed"][1] >= FIRST_DRAWN_SEED
    fresh, _ = make().reset(
        seed=int(info["seed"][1]), options={"variation": int(info["variation"][1])}
    )
    assert seen["instruction"][1] == fresh["instruction"]
    np.testing.assert_array_equal(seen["front_rgb"][1], fresh["front_rgb"])


@pytest.mark.slow
def test_workers_of_their_own_see_the_same(make):
    vector = gymnasium.make_vec(
        BUTTONS,
        num_envs=2,
        vectorization_mode="async",
        vector_kwargs={"context": "spawn"},
        **SMALL,
    )
    try:
        seen, info = vector.reset(seed=[3, 4])
        after, rewards, ended, *_ = vector.step(
            np.stack([action(0.3, 0.0, 1.1), action(np.nan, 0.0, 1.1)])
        )
    finally:
        vector.close()
    np.testing.assert_array_equal(ended, [False, True])
    np.testing.assert_array_equal(rewards, [0.0, 0.0])
    env = make()
    for i, seed in enumerate((3, 4)):
        expected, told = env.reset(seed=seed)
        assert seen["instruction"][i] == expected["instruction"]
        assert info["instructions"][i] == told["instructions"]
        for key in set(expected) - {"instruction"}:
            np.testing.assert_array_equal(seen[key][i], expected[key], err_msg=key)
    assert seen["front_rgb"].shape == after["front_rgb"].shape == (2, 32, 32, 3)


FORKED = """
import sys, gymnasium, numpy as np, premotor.simulate
options = dict(image_size=(32, 32))
if sys.argv[1] == "after":
    env = gymnasium.make("premotor/push_buttons-v0", **options)
    env.reset(seed=0)
vector = gymnasium.make_vec(
    "premotor/push_buttons-v0", num_envs=2, vectorization_mode="async",
    vector_kwargs=dict(context="fork"), **options,
)
vector.reset_async(seed=0)
seen, _ = vector.reset_wait(timeout=60)
vector.close()
print(seen["front_rgb"].shape)
"""


# Only OSMesa survives a fork; what other GLs say then, the test after this one holds.
AFTER = [("after", "0")] if os.environ.get("MUJOCO_GL") == "osmesa" else []


def forked(when, threads):
    return subprocess.run(
        [sys.executable, "-c", FORKED, when],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "LP_NUM_THREADS": threads},
    )


@pytest.mark.slow
@pytest.mark.parametrize(("when", "threads"), [("before", "0"), ("before", "1"), *AFTER])
def test_forked_workers_render(when, threads):
    done = forked(when, threads)
    assert "(2, 32, 32, 3)" in done.stdout, done.stderr


@pytest.mark.slow
def test_workers_forked_too_late_say_so_instead_of_hanging():
    done = forked("after", "1")
    assert done.returncode != 0
    assert "does not survive that; start workers with the context 'spawn'" in done.stderr
