"""One compiled scene, its state, and the robot in it."""

from collections.abc import Callable, Sequence

import mujoco
import numpy as np
from jaxtyping import Float

from premotor.errors import ConfigError, UnknownName
from premotor.geometry import rotations
from premotor.geometry.poses import Pose
from premotor.simulate import arm

TIMESTEP = 0.005  # [s] of one physics step
RECORD_PERIOD = 0.05  # [s] between two rows of a recording (RLBench's simulation step)
STEPS_PER_ROW = round(RECORD_PERIOD / TIMESTEP)

FINGER_OPEN = 0.04  # [m] finger target that opens
FINGER_CLOSED = -0.01  # [m] finger target that closes: 1 cm past closed, so that it squeezes
FINGER_SPEED = 0.2  # [m/s] per finger (RLBench, evaluation)
OPEN_FRACTION = 0.95  # of both fingers' travel counts as open (docs/benchmark.md, Observation)

_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
_HELD = "held_"  # prefix of the weld that attaches a graspable body to the hand
_RELATIVE = slice(3, 10)  # of a weld's data: pose of the held body in the hand


class World:
    """A scene that can be stepped, saved and restored.

    Every graspable body gets a weld to the hand, off until `attach` finds the body in the
    gripper: grasping is the benchmark's own, everything else moves by contact. All joint angles
    are RLBench's (arm.py). Positions, contacts and poses always belong to the present state: a
    step first integrates and then computes kinematics.

    Attributes:
        model: The compiled scene.
        data: Its state.
        looks: Called with model and data before each rendering; what changes looks lives in
            `data.userdata`, so that a restored state renders as it did.
    """

    def __init__(self, spec: mujoco.MjSpec, graspable: Sequence[str] = ()) -> None:
        """Compile a scene that `arm.add_panda` has been applied to.

        Raises:
            UnknownName: A graspable name is not a body of the scene.
        """
        _set_physics(spec)
        for name in graspable:
            _add_weld(spec, name)
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.looks: list[Callable[[mujoco.MjModel, mujoco.MjData], None]] = []
        self.graspable = tuple(graspable)
        self._welds = {name: self.model.equality(_HELD + name).id for name in graspable}
        self._weld_ids = np.array(list(self._welds.values()), dtype=np.int64)
        joints = [self.model.joint(name) for name in arm.JOINTS]
        fingers = [self.model.joint(name) for name in arm.FINGER_JOINTS]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._qvel = np.array([joint.dofadr[0] for joint in joints])
        self._fingers = np.array([finger.qposadr[0] for finger in fingers])
        self._servos = np.array([self.model.actuator(name).id for name in arm.JOINTS])
        self._gripper = self.model.actuator("gripper").id
        self._tip = self.model.site(arm.TIP).id
        self._hand = self.model.body(arm.HAND).id
        self.reset()

    def reset(self) -> None:
        """Start joints, open gripper, everything else as compiled, nothing held."""
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[self._qpos] = arm.START
        self.data.qpos[self._fingers] = FINGER_OPEN
        self.data.ctrl[self._servos] = arm.START
        self.data.ctrl[self._gripper] = FINGER_OPEN
        self.forward()

    def forward(self) -> None:
        """Compute everything that follows from the state; needed after writing into `data`."""
        mujoco.mj_forward(self.model, self.data)

    def step(self, joint_targets: Float[np.ndarray, "7"], finger_target: float) -> None:
        """One physics step towards joint targets [rad] and a finger target [m].

        The finger target is approached at `FINGER_SPEED`; joint targets are set as they come.
        """
        reach = FINGER_SPEED * TIMESTEP
        now = self.data.ctrl[self._gripper]
        self.data.ctrl[self._servos] = joint_targets
        self.data.ctrl[self._gripper] = now + min(max(finger_target - now, -reach), reach)
        mujoco.mj_step2(self.model, self.data)
        mujoco.mj_step1(self.model, self.data)

    @property
    def time(self) -> float:
        """Simulated time [s]."""
        return float(self.data.time)

    @property
    def end_effector(self) -> Pose:
        """Tip frame in the world."""
        quaternion = np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, self.data.site_xmat[self._tip])
        return Pose(self.data.site_xpos[self._tip].copy(), rotations.canonical(quaternion))

    @property
    def joint_positions(self) -> Float[np.ndarray, "7"]:
        """Arm joint angles [rad]."""
        return self.data.qpos[self._qpos]

    @property
    def joint_velocities(self) -> Float[np.ndarray, "7"]:
        """Arm joint velocities [rad/s]."""
        return self.data.qvel[self._qvel]

    @property
    def finger_positions(self) -> Float[np.ndarray, "2"]:
        """Opening of each finger [m]."""
        return self.data.qpos[self._fingers]

    @property
    def gripper_open(self) -> bool:
        """Whether both fingers are beyond 95 % of their travel."""
        return bool((self.finger_positions > OPEN_FRACTION * arm.FINGER_TRAVEL).all())

    def body_pose(self, name: str) -> Pose:
        """Pose of a body in the world.

        Raises:
            UnknownName: There is no such body.
        """
        try:
            body = self.data.body(name)
        except KeyError:
            raise UnknownName.of("body", name, _names(self.model, "body")) from None
        return Pose(body.xpos.copy(), rotations.canonical(body.xquat))

    def joint_value(self, name: str) -> float:
        """Value of a hinge [rad] or slide joint [m].

        Raises:
            UnknownName: There is no such joint.
        """
        try:
            return float(self.data.joint(name).qpos[0])
        except KeyError:
            raise UnknownName.of("joint", name, _names(self.model, "joint")) from None

    def state(self) -> Float[np.ndarray, " s"]:
        """All that the future depends on: MuJoCo's integration state and the held poses."""
        size = mujoco.mj_stateSize(self.model, _STATE)
        state = np.empty(size)
        mujoco.mj_getState(self.model, self.data, state, _STATE)
        held = self.model.eq_data[self._weld_ids, _RELATIVE]
        return np.concatenate([state, held.ravel()])

    def restore(self, state: Float[np.ndarray, " s"]) -> None:
        """Return to a state of this scene.

        Raises:
            ConfigError: The state has another length, so it is of another scene.
        """
        size = mujoco.mj_stateSize(self.model, _STATE)
        expected = size + 7 * len(self._welds)
        if len(state) != expected:
            raise ConfigError(
                f"a state of {len(state)} numbers came, this scene has {expected}; "
                "restore into the scene it was taken from"
            )
        mujoco.mj_setState(self.model, self.data, state[:size], _STATE)
        self.model.eq_data[self._weld_ids, _RELATIVE] = state[size:].reshape(-1, 7)
        self.forward()

    @property
    def grasped(self) -> tuple[str, ...]:
        """Names of the bodies attached to the hand."""
        active = self.data.eq_active
        return tuple(name for name, weld in self._welds.items() if active[weld])

    def attach(self) -> tuple[str, ...]:
        """Weld every graspable body in the gripper's sensor box to the hand, where it stands.

        Returns:
            The bodies that are held afterwards.
        """
        sensor = self.model.geom(arm.GRASP_SENSOR).id
        hand = Pose.of(self.data.xpos[self._hand], self.data.xquat[self._hand])
        for name, weld in self._welds.items():
            body = self.model.body(name).id
            geoms = solid_geoms(self.model, body)
            if not any(overlap(self.model, self.data, sensor, geom) for geom in geoms):
                continue
            relative = hand.inverse() @ self.body_pose(name)
            data = np.concatenate([relative.position, relative.quaternion])
            self.model.eq_data[weld, _RELATIVE] = data
            self.data.eq_active[weld] = 1
        return self.grasped

    def release(self) -> None:
        """Let go of everything that is attached to the hand."""
        self.data.eq_active[self._weld_ids] = 0


def solid_geoms(model: mujoco.MjModel, body: int) -> list[int]:
    """Geoms that can collide, of a body and all bodies below it."""
    family = {body}
    for other in range(body + 1, model.nbody):
        if int(model.body_parentid[other]) in family:
            family.add(other)
    solid = (model.geom_contype != 0) | (model.geom_conaffinity != 0)
    return [g for g in range(model.ngeom) if solid[g] and int(model.geom_bodyid[g]) in family]


def overlap(model: mujoco.MjModel, data: mujoco.MjData, first: int, second: int) -> bool:
    """Whether two geoms share a point; either may be one that never collides."""
    return mujoco.mj_geomDistance(model, data, first, second, 0.001, None) <= 0.0


def _set_physics(spec: mujoco.MjSpec) -> None:
    """Solver settings (decisions D50)."""
    spec.option.timestep = TIMESTEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10.0
    spec.option.jacobian = mujoco.mjtJacobian.mjJAC_DENSE  # 4.0.0 is wrong with a sparse one


def _add_weld(spec: mujoco.MjSpec, name: str) -> None:
    if spec.body(name) is None:
        raise UnknownName.of("graspable body", name, [body.name for body in spec.bodies])
    spec.add_equality(
        name=_HELD + name,
        type=mujoco.mjtEq.mjEQ_WELD,
        objtype=mujoco.mjtObj.mjOBJ_BODY,
        name1=arm.HAND,
        name2=name,
        active=False,
        data=[0.0] * 6 + [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        solref=(2 * TIMESTEP, 1.0),
        solimp=(0.95, 0.999, 0.001, 0.5, 2.0),
    )


def _names(model: mujoco.MjModel, kind: str) -> list[str]:
    count = model.nbody if kind == "body" else model.njnt
    return [getattr(model, kind)(index).name for index in range(count)]
