"""Inverse kinematics of the arm, by mink on a model of the arm alone."""

from functools import cache

import mink
import mujoco
import numpy as np
from jaxtyping import Float

from premotor.geometry.poses import Pose
from premotor.simulate import arm

POSITION_TOLERANCE = 2e-4  # [m]
ANGLE_TOLERANCE = 2e-3  # [rad]
_MAX_STEP = 0.7  # [rad] norm of one iteration, so that far targets do not overshoot
_STUCK = 1e-5  # [rad] norm of one iteration that leads nowhere: at joint limits
_REACH = 0.81  # [m] no wrist is farther from the shoulder, whatever the joints
_SHOULDER = np.array([arm.BASE[0], arm.BASE[1], arm.BASE[2] + 0.333])  # [m] world
_WRIST = 0.107 + arm.TIP_HEIGHT  # [m] from the tip to the wrist's axis, along the tip's z


class Kinematics:
    """Forward and inverse kinematics; nothing is kept from one call to the next."""

    def __init__(self) -> None:
        spec = mujoco.MjSpec()
        arm.add_chain(spec)
        self._model = spec.compile()
        self._configuration = mink.Configuration(self._model)
        self._task = mink.FrameTask(
            frame_name=arm.TIP,
            frame_type="site",
            position_cost=1.0,
            orientation_cost=0.3,
            lm_damping=0.05,
        )
        self._limits = [mink.ConfigurationLimit(self._model, gain=1.0)]

    def solve(
        self, target: Pose, start: Float[np.ndarray, "7"], max_iterations: int = 40
    ) -> Float[np.ndarray, "7"] | None:
        """Joint angles that bring the tip to `target` (world), sought from `start`.

        Returns:
            Angles within the joint limits, or None where none were found.
        """
        if out_of_reach(target):
            return None
        self._task.set_target(mink.SE3(np.concatenate([target.quaternion, target.position])))
        self._configuration.update(np.clip(start, arm.JOINT_LOW, arm.JOINT_HIGH))
        for _ in range(max_iterations):
            error = self._task.compute_error(self._configuration)
            if self._arrived(error):
                return self._configuration.q.copy()
            step = self._step()
            if step is None or float(np.linalg.norm(step)) < _STUCK:
                return None
            self._configuration.integrate_inplace(step, 1.0)
        arrived = self._arrived(self._task.compute_error(self._configuration))
        return self._configuration.q.copy() if arrived else None

    def forward(self, joints: Float[np.ndarray, "7"]) -> Pose:
        """Tip frame in the world at joint angles [rad]."""
        self._configuration.update(joints)
        transform = self._configuration.get_transform_frame_to_world(arm.TIP, "site")
        return Pose.of(transform.translation(), transform.rotation().wxyz)

    def _step(self) -> Float[np.ndarray, "7"] | None:
        try:
            step = mink.solve_ik(
                self._configuration,
                [self._task],
                dt=1.0,
                solver="daqp",
                damping=1e-6,
                limits=self._limits,
            )
        except mink.NoSolutionFound:
            return None
        return step * min(1.0, _MAX_STEP / max(float(np.linalg.norm(step)), 1e-9))

    @staticmethod
    def _arrived(error: Float[np.ndarray, "6"]) -> bool:
        near = float(np.linalg.norm(error[:3])) < POSITION_TOLERANCE
        return near and float(np.linalg.norm(error[3:])) < ANGLE_TOLERANCE


@cache
def kinematics() -> Kinematics:
    """The kinematics of this process; calls do not depend on what was asked before."""
    return Kinematics()


def out_of_reach(pose: Pose, margin: float = 0.0) -> bool:
    """Whether the wrist that a tip pose asks for is farther than any arm posture brings it.

    With a margin [m], whether it is less than that short of it: there the arm is stretched out,
    and a millimeter decides.
    """
    approach = pose.matrix()[:3, 2]
    wrist = pose.position - _WRIST * approach
    return float(np.linalg.norm(wrist - _SHOULDER)) > _REACH - margin
