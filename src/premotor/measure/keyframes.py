"""Whether the policy's word for a held-out keyframe is right, and what is wrong with it."""

from premotor.records import KeyframeRecord

POSITION = 0.02  # [m] a position nearer than this is right (decisions D48)
ROTATION = 15.0  # [deg] a rotation nearer than this is right
ELSEWHERE = 0.05  # [m] farther off than this, something else is meant (decisions D80)


def located(record: KeyframeRecord) -> bool:
    """Whether the position is right."""
    return record.position_error < POSITION


def turned(record: KeyframeRecord) -> bool:
    """Whether the rotation is right."""
    return record.rotation_error < ROTATION


def cause(record: KeyframeRecord) -> str:
    """What is wrong: the first of these that holds; "" where nothing is.

    - `elsewhere`: the first look is more than 5 cm off, as where another object was chosen.
    - `strayed`: it is not, but after the zoom the position is.
    - `near`: the position is 2 to 5 cm off.
    - `rotation`, `gripper`, `collision`: these are wrong, at the right position.

    Where a record does not tell the first look, the position stands for it.
    """
    first = record.position_error if record.coarse_error is None else record.coarse_error
    faults = {
        "elsewhere": not located(record) and first > ELSEWHERE,
        "strayed": record.position_error > ELSEWHERE,
        "near": not located(record),
        "rotation": not turned(record),
        "gripper": not record.gripper_right,
        "collision": not record.collision_right,
    }
    return next((name for name, holds in faults.items() if holds), "")
