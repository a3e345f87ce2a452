import hashlib

import fast_simplification
import mujoco
import numpy as np
import pytest

from premotor.errors import DataError
from premotor.geometry import rotations
from premotor.simulate import arm, shells
from premotor.simulate.kinematics import kinematics, out_of_reach


def test_the_start_pose_is_the_recorded_one():
    """Recorded in the benchmark: (0.2785, -0.0082, 1.4719) m, xyzw (0, 0.9927, 0, 0.1209)."""
    tip = kinematics().forward(arm.START)
    np.testing.assert_allclose(tip.position, (0.2785, -0.0082, 1.4719), atol=0.003)
    recorded = rotations.from_xyzw(np.array([0.0, 0.9927, 0.0, 0.1209]))
    assert rotations.angle_between(tip.quaternion, recorded) < np.radians(0.3)


def test_the_chain_is_the_published_one():
    """At Franka's zero the flange stands 0.088 m before and 0.926 m above the base."""
    joints = np.zeros(7)
    joints[3] = -arm.JOINT_4_OFFSET
    tip = kinematics().forward(joints)
    height = 0.333 + 0.316 + 0.384 - 0.107 - arm.TIP_HEIGHT
    np.testing.assert_allclose(tip.position - arm.BASE, (0.088, 0.0, height), atol=1e-6)


def test_inverse_kinematics_finds_what_forward_kinematics_made():
    rng = np.random.default_rng(0)
    solver, found = kinematics(), 0
    for _ in range(50):
        joints = arm.START + rng.normal(0.0, 0.3, 7)
        target = solver.forward(np.clip(joints, arm.JOINT_LOW, arm.JOINT_HIGH))
        answer = solver.solve(target, arm.START)
        if answer is not None:
            found += 1
            reached = solver.forward(answer)
            assert np.linalg.norm(reached.position - target.position) < 5e-4
            assert rotations.angle_between(reached.quaternion, target.quaternion) < 5e-3
            assert (answer >= arm.JOINT_LOW - 1e-9).all()
            assert (answer <= arm.JOINT_HIGH + 1e-9).all()
    assert found >= 45


def test_no_pose_of_the_arm_is_called_out_of_reach():
    rng = np.random.default_rng(1)
    for joints in rng.uniform(arm.JOINT_LOW, arm.JOINT_HIGH, (2000, 7)):
        assert not out_of_reach(kinematics().forward(joints))


def test_the_whole_arm_has_few_faces_and_every_link_is_dressed():
    assert sum(len(shell.faces) for shell in shells.shells()) < 1.02 * shells.NUM_FACES
    assert {shell.link for shell in shells.shells()} == set(shells.LINKS)


def test_the_looks_are_named_by_one_hash(tmp_path, monkeypatch):
    before = arm.mesh_fingerprint()
    assert len(before) == len(hashlib.sha256().hexdigest())
    monkeypatch.setenv("PREMOTOR_CACHE", str(tmp_path))
    shells.shells.cache_clear()
    assert arm.mesh_fingerprint() == before, f"decimated by {fast_simplification.__version__}"
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]
    shells.shells.cache_clear()


def test_missing_meshes_are_an_error_that_names_the_package(monkeypatch, tmp_path):
    monkeypatch.setenv("PREMOTOR_CACHE", str(tmp_path))
    monkeypatch.setattr(shells.importlib.util, "find_spec", lambda name: None)
    shells.shells.cache_clear()
    with pytest.raises(DataError, match="pip install"):
        shells.shells()
    shells.shells.cache_clear()


def test_a_damaged_cache_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PREMOTOR_CACHE", str(tmp_path))
    shells.shells.cache_clear()
    shells.shells()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    shells.shells.cache_clear()
    with pytest.raises(DataError, match="delete it"):
        shells.shells()
    shells.shells.cache_clear()


def test_nothing_of_the_arm_touches_at_the_start(bench):
    world = bench()
    assert world.data.ncon == 0


def test_collision_shapes_are_capsules_and_boxes(bench):
    model = bench().model
    solid = (model.geom_contype != 0) & (model.geom_group == 3)
    kinds = set(model.geom_type[solid].tolist())
    assert kinds == {int(mujoco.mjtGeom.mjGEOM_CAPSULE), int(mujoco.mjtGeom.mjGEOM_BOX)}


def test_angles_of_the_scene_are_radians(bench):
    model = bench().model
    limits = np.array([model.joint(name).range for name in arm.JOINTS])
    np.testing.assert_allclose(limits[:, 0], arm.JOINT_LOW)
    np.testing.assert_allclose(limits[:, 1], arm.JOINT_HIGH)
