"""Along its path the arm is as fast as it may be, and at rest at both ends."""

import numpy as np
import pytest

from premotor.simulate import arm
from premotor.simulate.timing import MAX_SPEED, SETTLE, retime
from premotor.simulate.world import TIMESTEP


def test_timing_keeps_the_limits_and_ends_at_rest():
    rng = np.random.default_rng(0)
    path = np.cumsum(rng.normal(0.0, 0.3, (8, 7)), axis=0)
    targets = retime(path, TIMESTEP)
    velocity = np.diff(targets, axis=0) / TIMESTEP
    assert (np.abs(velocity) <= arm.MAX_VELOCITY + 1e-6).all()
    assert np.linalg.norm(velocity, axis=1).max() <= MAX_SPEED + 1e-6
    np.testing.assert_array_equal(targets[-1], path[-1])
    assert np.abs(velocity[0]).max() < 0.1
    assert np.abs(velocity[-1]).max() == 0.0


def test_a_straight_joint_path_takes_the_time_of_a_trapezoid():
    """Length 2 rad at 1 rad/s and 4 rad/s2: 2 + 0.25 s, then held."""
    path = np.zeros((2, 7))
    path[1, 0] = 2.0
    count = len(retime(path, TIMESTEP))
    assert count * TIMESTEP == pytest.approx(2.25 + SETTLE, abs=0.03)


def test_standing_still_is_a_path_too():
    path = np.repeat(arm.START[None], 2, axis=0)
    assert (retime(path, TIMESTEP) == arm.START).all()
