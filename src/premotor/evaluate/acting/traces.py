"""What is kept of a roll-out, to draw it afterwards: states, and which key poses were chosen.

As with a demonstration, the episode is acted first and rendered from its states afterwards; so
looking on changes nothing of it, and only the pictures that somebody wants are rendered.
"""

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from premotor.arrays import read_npz
from premotor.episode.keyframe import Keyframe
from premotor.errors import DataError
from premotor.geometry.poses import Pose
from premotor.limits import MIB
from premotor.records import EvalRecord, write_atomically
from premotor.simulate.environment import Environment
from premotor.simulate.filming import State

_MOST = 256 * MIB  # of a trace
EVERY = 4  # rows of 0.05 s between two pictures of a film


@dataclass(frozen=True, eq=False)
class Choice:
    """A key pose was chosen, or the episode was over."""

    row: int  # of the states: how things stood
    keyframe: Keyframe | None  # None once it was over


@dataclass(eq=False)
class Trace:
    """Watches one roll-out: keeps the states of the rows that a demonstration would have."""

    states: dict[int, State] = field(default_factory=dict)  # by row; 0 is that of the first choice
    choices: list[Choice] = field(default_factory=list)

    def before(self, environment: Environment, keyframe: Keyframe | None) -> None:
        """Note what was chosen; what a later key pose starts from was kept as a row."""
        if not self.states:
            self.states[0] = environment.world.state()
        self.choices.append(Choice(len(self.states) - 1, keyframe))

    def during(self, environment: Environment) -> None:
        """Keep a row."""
        self.states[len(self.states)] = environment.world.state()

    def target(self, row: int) -> Keyframe | None:
        """Where the hand was going when it came to a row (from 1 on)."""
        return [choice.keyframe for choice in self.choices if choice.row < row][-1]

    @property
    def rows_of_a_film(self) -> list[int]:
        """Each `EVERY`th row, and those at which key poses were chosen."""
        regular = {row for row in self.states if row % EVERY == 0}
        return sorted(regular | {choice.row for choice in self.choices})

    def write(self, path: Path) -> None:
        """Write what a film needs."""
        rows = self.rows_of_a_film
        chosen = [c.keyframe for c in self.choices if c.keyframe is not None]
        poses = [(*k.end_effector.position, *k.end_effector.quaternion) for k in chosen]
        buffer = io.BytesIO()
        np.savez(
            buffer,
            rows=np.array(rows),
            states=np.stack([self.states[row] for row in rows]),
            choices=np.array([choice.row for choice in self.choices]),
            poses=np.array(poses).reshape(-1, 7),
            flags=np.array([(k.gripper_open, k.ignore_collisions) for k in chosen]).reshape(-1, 2),
        )
        write_atomically(path, buffer.getvalue())

    @classmethod
    def read(cls, path: Path) -> "Trace":
        """What `write` wrote of an episode that was over.

        Raises:
            DataError: It is missing, damaged or no trace.
        """
        try:
            held = read_npz(path, _MOST)
            states = dict(zip(held["rows"].tolist(), held["states"], strict=True))
            keyframes = [
                Keyframe(Pose(pose[:3], pose[3:]), bool(gripper_open), bool(ignore))
                for pose, (gripper_open, ignore) in zip(held["poses"], held["flags"], strict=True)
            ]
            rows = held["choices"].tolist()
            choices = [Choice(*pair) for pair in zip(rows, [*keyframes, None], strict=True)]
        except (OSError, ValueError, KeyError, TypeError, DataError) as error:
            raise DataError(f"{path} is no trace of a roll-out: {error}") from error
        return cls(states, choices)


def trace_path(folder: Path, record: EvalRecord) -> Path:
    """Where the trace of a roll-out lies: its name tells the weights and how long they had."""
    weights = f"{record.checkpoint}_{record.step}_{record.max_key_poses}"
    return folder / f"{weights}_{record.task}_{record.variation}_{record.seed}.npz"
