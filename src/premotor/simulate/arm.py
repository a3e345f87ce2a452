"""The arm: a Franka Panda with its hand, as RLBench mounts it.

Kinematics and limits are Franka's published values, inertias the published identification of the
link parameters. Two things are RLBench's (docs/benchmark.md, Robot): the zero of joint 4 lies
4 deg from Franka's, so that every joint angle of this package is RLBench's; and the tip frame
stands 7 mm beyond Franka's tool center. Collision shapes are capsules and boxes; looks come from
`shells`.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from premotor.simulate.shells import mesh_fingerprint, shells

__all__ = ["add_panda", "mesh_fingerprint"]

NUM_JOINTS = 7
JOINTS = tuple(f"panda_joint{i}" for i in range(1, 8))
FINGER_JOINTS = ("panda_finger_joint1", "panda_finger_joint2")
HAND = "panda_hand"
TIP = "tip"  # site: z approach, y finger opening axis; world poses of the package are its poses
GRASP_SENSOR = "grasp_sensor"  # geom that never collides: what it overlaps can be grasped

BASE = (-0.268, -0.0064, 0.750)  # [m] world
START = np.array([0.0, 0.1745, 0.0, -0.8727, 0.0, 1.2217, 0.7854])  # [rad]
JOINT_4_OFFSET = 0.0698  # [rad] Franka's joint 4 = RLBench's + this
JOINT_LOW = np.array([-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973])  # [rad]
JOINT_HIGH = np.array([2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973])  # [rad]
MAX_VELOCITY = np.array([2.175] * 4 + [2.61] * 3)  # [rad/s]
FINGER_TRAVEL = 0.04  # [m] per finger
TIP_HEIGHT = 0.1099  # [m] from the hand frame (the flange) along its z
FINGER_HEIGHT = 0.0584  # [m] of the finger frames in the hand frame

GRAVITY_FREE = 1.0  # all arm bodies: no sag under position targets
_ROOT = np.sqrt(0.5)


@dataclass(frozen=True)
class _Link:
    """A link frame in its parent's (modified Denavit-Hartenberg), mass and inertia in its own."""

    position: tuple[float, float, float]  # [m]
    quaternion: tuple[float, float, float, float]  # wxyz
    mass: float  # [kg]
    center: tuple[float, float, float]  # [m]
    inertia: tuple[float, float, float, float, float, float]  # xx yy zz xy xz yz [kg m2]


_PLUS = (_ROOT, _ROOT, 0.0, 0.0)  # 90 deg about x
_MINUS = (_ROOT, -_ROOT, 0.0, 0.0)
_ELBOW = (  # 90 deg about x, then RLBench's zero of joint 4
    _ROOT * np.cos(JOINT_4_OFFSET / 2),
    _ROOT * np.cos(JOINT_4_OFFSET / 2),
    -_ROOT * np.sin(JOINT_4_OFFSET / 2),
    _ROOT * np.sin(JOINT_4_OFFSET / 2),
)
_LINKS = (
    _Link(
        BASE,
        (1.0, 0.0, 0.0, 0.0),
        0.629769,
        (-0.041018, -0.00014, 0.049974),
        (0.00315, 0.00388, 0.004285, 8.2904e-7, 0.00015, 8.2299e-6),
    ),
    _Link(
        (0.0, 0.0, 0.333),
        (1.0, 0.0, 0.0, 0.0),
        4.970684,
        (0.003875, 0.002081, -0.04762),
        (0.70337, 0.70661, 0.009117, -0.000139, 0.006772, 0.019169),
    ),
    _Link(
        (0.0, 0.0, 0.0),
        _MINUS,
        0.646926,
        (-0.003141, -0.02872, 0.003495),
        (0.007962, 0.02811, 0.025995, -0.003925, 0.010254, 0.000704),
    ),
    _Link(
        (0.0, -0.316, 0.0),
        _PLUS,
        3.228604,
        (0.027518, 0.039252, -0.066502),
        (0.037242, 0.036155, 0.01083, -0.004761, -0.011396, -0.012805),
    ),
    _Link(
        (0.0825, 0.0, 0.0),
        _ELBOW,
        3.587895,
        (-0.05317, 0.104419, 0.027454),
        (0.025853, 0.019552, 0.028323, 0.007796, -0.001332, 0.008641),
    ),
    _Link(
        (-0.0825, 0.384, 0.0),
        _MINUS,
        1.225946,
        (-0.011953, 0.041065, -0.038437),
        (0.035549, 0.029474, 0.008627, -0.002117, -0.004037, 0.000229),
    ),
    _Link(
        (0.0, 0.0, 0.0),
        _PLUS,
        1.666555,
        (0.060149, -0.014117, -0.010517),
        (0.001964, 0.004354, 0.005433, 0.000109, -0.001158, 0.000341),
    ),
    _Link(
        (0.088, 0.0, 0.0),
        _PLUS,
        0.735522,
        (0.010517, -0.004252, 0.061597),
        (0.012516, 0.010027, 0.004815, -0.000428, -0.001196, -0.000741),
    ),
)
_FLANGE = 0.107  # [m] of the hand frame in link 7, along z
_TURN = (np.cos(np.pi / 8), 0.0, 0.0, -np.sin(np.pi / 8))  # the hand is turned by -45 deg

# Position servos: stiffness [N m/rad], damping [N m s/rad], torque limit [N m]. The damping is
# near critical, so that a moving target is followed about 35 ms behind.
_SERVOS = ((4500.0, 150.0, 87.0),) * 2 + ((3500.0, 120.0, 87.0),) * 2 + ((2000.0, 60.0, 12.0),) * 3
_GRIP_STIFFNESS = 1000.0  # [N/m] on the tendon (decisions D51)
_GRIP_DAMPING = 50.0  # [N s/m]
_GRIP_FORCE = 40.0  # [N]

# Collision capsules per link: end, end, radius [m], fitted to the visual meshes.
_CAPSULES = (
    (((-0.10, 0.0, 0.06), (0.0, 0.0, 0.06), 0.07), ((0.0, 0.0, 0.05), (0.0, 0.0, 0.08), 0.066)),
    (((0.0, 0.0, -0.135), (0.0, 0.0, -0.03), 0.06), ((0.0, -0.072, 0.0), (0.0, -0.01, 0.0), 0.06)),
    (((0.0, 0.0, 0.01), (0.0, 0.0, 0.072), 0.06), ((0.0, -0.136, 0.0), (0.0, -0.02, 0.0), 0.06)),
    (
        ((0.0, 0.0, -0.064), (0.0, 0.0, -0.01), 0.06),
        ((0.0825, 0.0, 0.0), (0.0825, 0.054, 0.0), 0.06),
        ((0.01, 0.0, -0.005), (0.0825, 0.02, 0.0), 0.055),
    ),
    (
        ((0.0, 0.0, 0.01), (0.0, 0.0, 0.054), 0.06),
        ((-0.0825, 0.068, 0.0), (-0.0825, 0.01, 0.0), 0.06),
        ((-0.07, 0.02, 0.0), (0.0, 0.01, 0.01), 0.055),
    ),
    (
        ((0.0, 0.0, -0.202), (0.0, 0.0, -0.18), 0.06),
        ((0.0, 0.035, -0.16), (0.0, 0.075, -0.02), 0.05),
        ((0.0, 0.0, 0.0), (0.0, 0.075, 0.0), 0.054),
        ((0.0, 0.02, -0.20), (0.0, 0.07, -0.10), 0.05),
    ),
    (
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.006), 0.052),
        ((0.088, 0.0, 0.0), (0.088, 0.03, 0.0), 0.052),
        ((0.0, 0.0, 0.0), (0.088, 0.0, 0.0), 0.048),
    ),
    (((0.0, 0.0, 0.062), (0.0, 0.0, 0.09), 0.048), ((0.0, 0.0, 0.08), (0.05, 0.05, 0.08), 0.03)),
)

# Finishes: color, specular, shininess.
_MATERIALS = {
    "shell": ((0.93, 0.935, 0.94, 1.0), 0.45, 0.55),
    "joint": ((0.16, 0.17, 0.19, 1.0), 0.35, 0.40),
    "metal": ((0.62, 0.64, 0.67, 1.0), 0.70, 0.70),
    "light": ((0.16, 0.55, 0.85, 1.0), 0.50, 0.60),
}


def add_panda(spec: mujoco.MjSpec) -> None:
    """Add the arm with hand, fingers, servos, tip site and grasp sensor to a scene.

    Names: bodies `panda_link0` to `panda_link7`, `panda_hand`, `panda_leftfinger`,
    `panda_rightfinger`; joints `JOINTS` and `FINGER_JOINTS`; actuators of the seven joints under
    the joints' names and `gripper`; site `tip`. Angles given to the spec are in radians from then
    on.
    """
    spec.compiler.degree = False  # every angle of a scene is in radians
    _add_looks(spec)
    body = spec.worldbody
    for index, link in enumerate(_LINKS):
        body = _add_frame(body, index, link)
        _wear(body, f"link{index}")
        _add_capsules(body, index)
    hand = _add_hand(body)
    for side, name in enumerate(("panda_leftfinger", "panda_rightfinger")):
        _add_finger(hand, name, side)
    _add_servos(spec)
    _add_gripper(spec)
    _add_excludes(spec)


def add_chain(spec: mujoco.MjSpec) -> None:
    """Add the bare chain of seven joints up to the tip site: for kinematics alone."""
    spec.compiler.degree = False
    body = spec.worldbody
    for index, link in enumerate(_LINKS):
        body = _add_frame(body, index, link)
    hand = body.add_body(name=HAND, pos=(0.0, 0.0, _FLANGE), quat=_TURN)
    _add_tip(hand)


def _add_looks(spec: mujoco.MjSpec) -> None:
    for finish, (rgba, specular, shininess) in _MATERIALS.items():
        spec.add_material(name=f"panda_{finish}", rgba=rgba, specular=specular, shininess=shininess)
    for shell in shells():
        spec.add_mesh(
            name=f"panda_{shell.link}_{shell.finish}",
            uservert=shell.vertices.ravel().tolist(),
            userface=shell.faces.ravel().tolist(),
            inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
        )


def _wear(body: mujoco.MjsBody, link: str) -> None:
    """Put the visual meshes of a link on a body."""
    for shell in shells():
        if shell.link == link:
            body.add_geom(
                type=mujoco.mjtGeom.mjGEOM_MESH,
                meshname=f"panda_{link}_{shell.finish}",
                material=f"panda_{shell.finish}",
                contype=0,
                conaffinity=0,
                group=2,
                mass=0.0,
            )


def _add_frame(parent: mujoco.MjsBody, index: int, link: _Link) -> mujoco.MjsBody:
    """Add a link's body with its inertia and joint, nothing to see or to touch."""
    body = parent.add_body(
        name=f"panda_link{index}",
        pos=link.position,
        quat=link.quaternion,
        gravcomp=GRAVITY_FREE,
        mass=link.mass,
        ipos=link.center,
        fullinertia=link.inertia,
        explicitinertial=True,
    )
    if index > 0:
        body.add_joint(
            name=JOINTS[index - 1],
            axis=(0.0, 0.0, 1.0),
            range=(JOINT_LOW[index - 1], JOINT_HIGH[index - 1]),
            limited=mujoco.mjtLimited.mjLIMITED_TRUE,
            damping=1.0,
            armature=0.1,
        )
    return body


def _add_capsules(body: mujoco.MjsBody, index: int) -> None:
    for number, (start, end, radius) in enumerate(_CAPSULES[index]):
        body.add_geom(
            name=f"panda_link{index}_{number}",
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=(*start, *end),
            size=(radius, 0.0, 0.0),
            group=3,
            mass=0.0,
        )


def _add_tip(hand: mujoco.MjsBody) -> None:
    hand.add_site(name=TIP, pos=(0.0, 0.0, TIP_HEIGHT), quat=(0.0, 0.0, 0.0, 1.0), group=4)


def _add_hand(link7: mujoco.MjsBody) -> mujoco.MjsBody:
    hand = link7.add_body(
        name=HAND,
        pos=(0.0, 0.0, _FLANGE),
        quat=_TURN,
        gravcomp=GRAVITY_FREE,
        mass=0.73,
        ipos=(-0.01, 0.0, 0.03),
        inertia=(0.001, 0.0025, 0.0017),
        explicitinertial=True,
    )
    _wear(hand, "hand")
    hand.add_geom(
        name="panda_hand_box",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=(0.0, 0.0, 0.02),
        size=(0.0316, 0.1025, 0.046),
        group=3,
        mass=0.0,
    )
    _add_tip(hand)
    hand.add_geom(  # from 46 mm to 1 mm behind the tip (docs/benchmark.md, Grasping)
        name=GRASP_SENSOR,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=(0.0, 0.0, TIP_HEIGHT - 0.0235),
        size=(0.01, 0.05, 0.0225),
        contype=0,
        conaffinity=0,
        group=5,
        mass=0.0,
        rgba=(0.0, 0.0, 0.0, 0.0),
    )
    return hand


def _add_finger(hand: mujoco.MjsBody, name: str, side: int) -> None:
    finger = hand.add_body(
        name=name,
        pos=(0.0, 0.0, FINGER_HEIGHT),
        quat=((1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))[side],
        gravcomp=GRAVITY_FREE,
        mass=0.015,
        ipos=(0.0, 0.0, 0.02),
        inertia=(2.375e-6, 2.375e-6, 7.5e-7),
        explicitinertial=True,
    )
    finger.add_joint(
        name=FINGER_JOINTS[side],
        type=mujoco.mjtJoint.mjJNT_SLIDE,
        axis=(0.0, 1.0, 0.0),
        range=(0.0, FINGER_TRAVEL),
        limited=mujoco.mjtLimited.mjLIMITED_TRUE,
        damping=1.0,
        armature=0.1,
    )
    _wear(finger, "finger")
    finger.add_geom(  # RLBench's box: from 41 mm to 1 mm behind the tip
        name=f"{name}_pad",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=(0.0, 0.01, TIP_HEIGHT - 0.021 - FINGER_HEIGHT),
        size=(0.01, 0.01, 0.02),
        group=3,
        mass=0.0,
        friction=(2.0, 0.05, 0.0001),
        condim=4,
        priority=1,
        solref=(0.01, 1.0),
    )


def _add_servos(spec: mujoco.MjSpec) -> None:
    for index, (stiffness, damping, torque) in enumerate(_SERVOS):
        servo = spec.add_actuator(
            name=JOINTS[index],
            target=JOINTS[index],
            trntype=mujoco.mjtTrn.mjTRN_JOINT,
            forcelimited=True,
            forcerange=(-torque, torque),
        )
        servo.set_to_position(kp=stiffness, kv=damping)


def _add_gripper(spec: mujoco.MjSpec) -> None:
    """Both fingers on one tendon, whose length is their mean opening."""
    tendon = spec.add_tendon(name="gripper")
    for joint in FINGER_JOINTS:
        tendon.wrap_joint(joint, 0.5)
    gripper = spec.add_actuator(
        name="gripper",
        target="gripper",
        trntype=mujoco.mjtTrn.mjTRN_TENDON,
        forcelimited=True,
        forcerange=(-_GRIP_FORCE, _GRIP_FORCE),
    )
    gripper.set_to_position(kp=_GRIP_STIFFNESS, kv=_GRIP_DAMPING)
    spec.add_equality(
        name="fingers_alike",
        type=mujoco.mjtEq.mjEQ_JOINT,
        name1=FINGER_JOINTS[0],
        name2=FINGER_JOINTS[1],
        data=[0.0, 1.0] + [0.0] * 10,
        solref=(0.01, 1.0),
        solimp=(0.95, 0.99, 0.001, 0.5, 2.0),
    )


def _add_excludes(spec: mujoco.MjSpec) -> None:
    """Pairs that touch by design: links around one wrist or elbow, and the hand with its wrist."""
    fingers = ("panda_leftfinger", "panda_rightfinger")
    pairs = [("panda_link0", "panda_link1")]  # link 0 is static, so MuJoCo does not filter it
    pairs += [(f"panda_link{i}", f"panda_link{i + 2}") for i in range(6)]
    pairs += [(HAND, f"panda_link{i}") for i in (5, 6)]
    pairs += [(finger, "panda_link7") for finger in fingers] + [fingers]
    for first, second in pairs:
        spec.add_exclude(bodyname1=first, bodyname2=second)
