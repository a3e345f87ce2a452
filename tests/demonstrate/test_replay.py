"""Acting from key poses alone."""

import numpy as np
import pytest

from premotor.demonstrate.expert import record
from premotor.demonstrate.replay import random_keyframes, replay
from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import ACTION_HIGH, ACTION_LOW
from premotor.geometry import rotations
from premotor.simulate import EPISODE_KEY_POSES
from premotor.simulate.environment import Environment
from premotor.simulate.verbs import POINTING_DOWN

EPISODE = EpisodeId("slide_block_to_color_target", 1, 3)


@pytest.mark.sim
def test_the_keyframes_of_a_demonstration_do_it_again_and_half_of_them_do_not():
    env = Environment()
    keyframes = record(env, EPISODE).keyframes
    outcome = replay(env, EPISODE, keyframes)
    assert outcome.success
    assert outcome.ended
    assert not replay(env, EPISODE, keyframes[:-2]).success
    assert not replay(env, EPISODE, ()).success


@pytest.mark.sim
def test_another_episodes_keyframes_do_not_do_it():
    env = Environment()
    keyframes = record(env, EpisodeId(EPISODE.task, 3, 8)).keyframes
    assert not replay(env, EPISODE, keyframes).success


def test_random_key_poses_are_valid_and_point_roughly_down():
    keyframes = list(random_keyframes(np.random.default_rng(0)))
    assert len(keyframes) == EPISODE_KEY_POSES
    for keyframe in keyframes:
        pose = keyframe.end_effector
        assert np.linalg.norm(pose.quaternion) == pytest.approx(1.0)
        assert (pose.position > ACTION_LOW).all()
        assert (pose.position < ACTION_HIGH).all()
        approach = rotations.to_matrix(pose.quaternion)[:, 2]
        assert approach @ [0, 0, -1] >= np.cos(np.deg2rad(20.0)) - 1e-9
    turns = [
        rotations.angle_between(k.end_effector.quaternion, np.array(POINTING_DOWN))
        for k in keyframes
    ]
    assert max(turns) > 1.5
    assert (
        {k.gripper_open for k in keyframes}
        == {k.ignore_collisions for k in keyframes}
        == {True, False}
    )
