import numpy as np
import pytest

from premotor.errors import ConfigError, UnknownName
from premotor.geometry.poses import Pose
from premotor.simulate import arm
from premotor.simulate.motion import Planner
from premotor.simulate.timing import retime
from premotor.simulate.world import (
    FINGER_CLOSED,
    FINGER_OPEN,
    RECORD_PERIOD,
    STEPS_PER_ROW,
    TIMESTEP,
)

DOWN = (0.0, 0.0, 1.0, 0.0)  # tip pointing down

pytestmark = pytest.mark.sim


def go(world, position, fingers):
    path = Planner(world).plan(
        Pose.of(position, DOWN), np.random.default_rng(0), ignore_collisions=True
    )
    for joints in retime(path, TIMESTEP):
        world.step(joints, fingers)


def stay(world, seconds, fingers):
    joints = world.data.ctrl[:7].copy()
    for _ in range(round(seconds / TIMESTEP)):
        world.step(joints, fingers)


def in_hand(world):
    return (world.body_pose(arm.HAND).inverse() @ world.body_pose("cube")).position


def lifted(bench, mass=0.2):
    """A cube grasped on the table and lifted by 0.2 m."""
    world = bench(cube=(0.3, 0.0, 0.775), mass=mass)
    go(world, (0.3, 0.0, 0.85), FINGER_OPEN)
    go(world, (0.3, 0.0, 0.775), FINGER_OPEN)
    stay(world, 0.35, FINGER_CLOSED)
    assert world.attach() == ("cube",)
    go(world, (0.3, 0.0, 0.975), FINGER_CLOSED)
    return world


def test_a_row_is_a_whole_number_of_steps():
    assert abs(STEPS_PER_ROW * TIMESTEP - RECORD_PERIOD) < 1e-12


def test_the_arm_holds_its_start_without_sag(bench):
    world = bench()
    for _ in range(400):
        world.step(arm.START, FINGER_OPEN)
    np.testing.assert_allclose(world.joint_positions, arm.START, atol=1e-6)
    assert world.gripper_open
    assert world.time == pytest.approx(400 * TIMESTEP)


def test_fingers_close_and_open_within_the_fixed_time(bench):
    world = bench()
    stay(world, 0.35, FINGER_CLOSED)
    assert not world.gripper_open
    assert world.finger_positions.max() < 1e-3
    stay(world, 0.35, FINGER_OPEN)
    assert world.gripper_open


@pytest.mark.parametrize("mass", [0.05, 0.5])
def test_a_held_cube_stays_in_the_hand_for_ten_seconds(bench, mass):
    """Measured: 0.05 to 0.07 mm in 10 s for 0.05 to 0.5 kg (contact alone crept 0.3 to 0.6 mm)."""
    world = lifted(bench, mass)
    before = in_hand(world)
    stay(world, 10.0, FINGER_CLOSED)
    assert np.linalg.norm(in_hand(world) - before) < 3e-4


def test_a_held_cube_does_not_drift_when_swung(bench):
    """Measured over four swings of 0.3 m: 0.05 mm at the end, 0.10 mm at worst on the way.

    At three times the speed 0.05 and 0.21 mm. Held by contact alone the prototype drifted 2 to
    3 mm (decisions D53).
    """
    world = lifted(bench)
    before = in_hand(world)
    for side in (0.15, -0.15, 0.15, -0.15):
        go(world, (0.3, side, 0.975), FINGER_CLOSED)
    assert np.linalg.norm(in_hand(world) - before) < 3e-4


def test_letting_go_gives_no_impulse(bench):
    """Measured: sideways speed below 4 mm/s and 0.12 mm of shift while it falls 0.13 m."""
    world = lifted(bench)
    before = world.body_pose("cube").position
    world.release()
    assert world.grasped == ()
    speeds = []
    joints = world.data.ctrl[:7].copy()
    for _ in range(70):
        world.step(joints, FINGER_OPEN)
        speeds.append(float(np.linalg.norm(world.data.joint(9).qvel[:2])))
    after = world.body_pose("cube").position
    assert max(speeds) < 0.01
    assert np.linalg.norm((after - before)[:2]) < 1e-3
    assert after[2] < before[2] - 0.03


def test_what_the_sensor_does_not_see_is_not_grasped(bench):
    world = bench(cube=(0.3, 0.2, 0.775))
    go(world, (0.3, 0.0, 0.775), FINGER_OPEN)
    stay(world, 0.35, FINGER_CLOSED)
    assert world.attach() == ()


def test_a_restored_state_has_the_same_future(bench):
    world = lifted(bench)
    state = world.state()
    stay(world, 0.2, FINGER_CLOSED)
    expected = world.state()
    world.reset()
    world.restore(state)
    assert world.grasped == ("cube",)
    np.testing.assert_array_equal(world.state(), state)
    stay(world, 0.2, FINGER_CLOSED)
    np.testing.assert_array_equal(world.state(), expected)


def test_the_same_targets_give_the_same_bytes(bench):
    states = []
    for _ in range(2):
        world = lifted(bench)
        states.append(world.state().tobytes())
    assert states[0] == states[1]


def test_user_data_is_part_of_the_state(bench):
    def latch(spec):
        spec.nuserdata = 2

    world = bench(add=latch)
    world.data.userdata[:] = (1.0, 2.0)
    state = world.state()
    world.reset()
    assert not world.data.userdata.any()
    world.restore(state)
    assert world.data.userdata.tolist() == [1.0, 2.0]


def test_poses_belong_to_the_present_state(bench):
    world = bench()
    for _ in range(50):
        world.step(arm.START + 0.3, FINGER_OPEN)
    moved = world.end_effector.position
    world.forward()
    np.testing.assert_allclose(world.end_effector.position, moved, atol=1e-12)


def test_unknown_names_and_foreign_states_are_told(bench):
    world = bench(cube=(0.3, 0.0, 0.775))
    with pytest.raises(UnknownName, match="did you mean 'cube'"):
        world.body_pose("cubes")
    with pytest.raises(UnknownName, match="panda_joint1"):
        world.joint_value("panda_joint11")
    with pytest.raises(ConfigError, match="scene"):
        world.restore(world.state()[:-1])
