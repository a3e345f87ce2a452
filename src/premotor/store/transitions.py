"""The samples that the policy learns from, as columns."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from premotor.episode.observation import Observation
from premotor.store.reader import DemoSet

ASIDE = 0.05  # [m] on the table; what is nearer is done where the hand is


@dataclass(frozen=True, eq=False)
class Transitions:
    """From frame 0 or a keyframe to the next keyframe.

    The observation of row i is `EpisodeCache.cloud(observation_index[i])`: frame 0 where
    `keyframe_index` is 0, the keyframe before the target elsewhere (decisions D14).
    """

    episode: Int[np.ndarray, " m"]  # position in `EpisodeCache.episodes`
    observation_index: Int[np.ndarray, " m"]
    keyframe_index: Int[np.ndarray, " m"]  # k of the target keyframe, from 0
    position: Float[np.ndarray, "m 3"]  # of the target, world frame [m]
    quaternion: Float[np.ndarray, "m 4"]  # of the target, wxyz, unit, w >= 0
    gripper_open: Bool[np.ndarray, " m"]  # at the target
    ignore_collisions: Bool[np.ndarray, " m"]  # at the target
    proprioception: Float[np.ndarray, "m 3"]  # at the observation

    def __len__(self) -> int:
        return len(self.episode)

    @property
    def approaches(self) -> Bool[np.ndarray, " m"]:
        """Which targets lie elsewhere: the first of an episode, or far aside of the one before."""
        away = np.linalg.norm(np.diff(self.position[:, :2], axis=0, prepend=np.inf), axis=1)
        return (self.keyframe_index == 0) | (away >= ASIDE)


class Rows:
    """Transitions as they are gathered."""

    def __init__(self) -> None:
        self.columns: dict[str, list[object]] = {f.name: [] for f in fields(Transitions)}

    def add(self, demo_set: DemoSet, position: int, observations: tuple[Observation, ...]) -> None:
        """Add the transitions of one episode: one per keyframe."""
        for k, target in enumerate(demo_set.keyframes(position)):
            row = {
                "episode": position,
                "observation_index": len(self.columns["episode"]),
                "keyframe_index": k,
                "position": target.end_effector.position.astype(np.float32),
                "quaternion": target.end_effector.quaternion.astype(np.float32),
                "gripper_open": target.gripper_open,
                "ignore_collisions": target.ignore_collisions,
                "proprioception": observations[k].proprioception,
            }
            for name, value in row.items():
                self.columns[name].append(value)

    def save(self, folder: Path) -> None:
        """Write each column as an array."""
        for name, values in self.columns.items():
            np.save(folder / f"transition_{name}.npy", np.array(values))
