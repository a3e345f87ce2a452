"""A trained policy as it acts: observations and words in, key poses out."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from premotor.backbones.tokenizer import Tokenizer, token_ids, words_of
from premotor.batch import Executed, MirrorBatch, with_count
from premotor.checkpoint import load_policy
from premotor.episode.checks import IMAGE_SIDE, check_observation
from premotor.episode.decision import Decision, Stage
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import Observation, cloud_from_views
from premotor.errors import ConfigError, EmptyCloud, UncountedSteps
from premotor.execute import decode
from premotor.execute import virtual_views as vv
from premotor.execute.policy import ExecuteOutput, Policy
from premotor.folders import RunFolder
from premotor.records import RunManifest, read_json

_log = logging.getLogger(__name__)


class Actor:
    """Greedy, deterministic decoding of one policy, on the device where its weights are.

    A word that the policy has never been told is acted on all the same, but said once in the log.
    Those it knows are the words of its training's instructions, as the run's manifest lists them;
    without a manifest, those whose ids have rows of their own in the text table
    (`TextConfig.vocabulary`); of a table of all ids, or of frozen CLIP, every word.
    """

    def __init__(
        self, policy: Policy, image_side: int = IMAGE_SIDE, words: Collection[str] = ()
    ) -> None:
        """Act with a policy.

        Args:
            policy: Is put into evaluation mode.
            image_side: Side of the camera images it learned from [px]; others are refused.
            words: That it was told in training; () where nobody knows.
        """
        self.policy = policy.eval()
        self.image_side = image_side
        self._words = frozenset(words)
        self._vocabulary = frozenset(policy.config.text.vocabulary)
        self._strange: set[str] = set()  # words that the log was told of
        self.tokenizer = Tokenizer(policy.config.text.context)

    @classmethod
    def load(
        cls, path: Path | str, step: int | None = None, device: torch.device | str = "cpu"
    ) -> "Actor":
        """The policy of a run folder, or of one that `checkpoint.save_policy` wrote.

        Args:
            path: The folder.
            step: Which checkpoint of the run, by updates done; the last one if left out.
            device: Where to act.

        Raises:
            DataError: There is no such checkpoint, or it is damaged.
            CheckpointMismatch: The weights do not fit the configuration beside them.
        """
        policy = load_policy(Path(path), step).to(device)
        manifest = RunFolder(Path(path)).manifest
        words = read_json(manifest, RunManifest).words if manifest.is_file() else ()
        return cls(policy, words=words)

    def act(self, observation: Observation, instruction: str) -> Keyframe:
        """The next key pose, in the world frame.

        Raises:
            ObservationError: The observation cannot be acted on; its children say why.
            ConfigError: The instruction is longer than the policy's context.
        """
        return self.act_batch([observation], [instruction])[0]

    def act_batch(
        self, observations: Sequence[Observation], instructions: Sequence[str]
    ) -> list[Keyframe]:
        """The next key pose of each row; a row does not depend on the others but for rounding.

        Raises:
            ConfigError: Not one instruction per observation, or one longer than the context.
            ObservationError: An observation cannot be acted on; its children say why.
        """
        if len(observations) != len(instructions):
            raise ConfigError(
                f"got {len(observations)} observations and {len(instructions)} instructions; "
                "give one instruction per observation"
            )
        if not observations:
            return []
        _, output = self._decide(observations, instructions)
        return decode.keyframes(output, self.policy.config)

    def look(self, observation: Observation, instruction: str) -> Decision:
        """The same decision as `act`, with the views, heatmaps and probabilities behind it.

        Raises:
            ObservationError: The observation cannot be acted on; its children say why.
            ConfigError: The instruction is longer than the policy's context.
        """
        executed, output = self._decide([observation], [instruction])
        config, center = self.policy.config, output.zoom_center
        views = config.views
        whole = vv.whole_scene(executed, views)
        scene = _Window(center=torch.zeros_like(center), zoom=1.0, radius=views.coarse_radius)
        hand, fine = output.gripper.softmax(1), None
        if output.fine is not None and output.deciding is not None:
            zoomed = vv.zoomed_scene(executed, center, views, output.rig)
            window = _Window(center=center, zoom=views.zoom, radius=views.fine_radius)
            fine = _stage(zoomed, output.deciding, window, self.policy)
        return Decision(
            instruction=instruction,
            keyframe=decode.keyframes(output, config)[0],
            coarse=_stage(whole, output.coarse, scene, self.policy),
            fine=fine,
            rotation=_array(output.rotation.softmax(2)),
            gripper_open=float(hand[0, 1]),
            ignore_collisions=float(output.collision.softmax(1)[0, 1]),
            e=_array(output.e),
        )

    def _decide(
        self, observations: Sequence[Observation], instructions: Sequence[str]
    ) -> tuple[Executed, ExecuteOutput]:
        words = self.tokenizer.encode(instructions)
        self._tell_strange(instructions)
        clouds = [self._cloud(observation) for observation in observations]
        executed = Executed.of(clouds, self._states(observations))
        device = next(self.policy.parameters()).device
        batch = MirrorBatch(executed, words).to(device)
        with torch.inference_mode():
            return batch.executed, self.policy(batch.executed, batch.instruction)

    def _states(self, observations: Sequence[Observation]) -> Float[np.ndarray, "b p"]:
        """What is told beside the cloud."""
        count_to = self.policy.config.count_to
        if count_to and any(o.key_poses is None for o in observations):
            raise UncountedSteps(
                "the policy asks how many key poses were done (count_to), and an observation does "
                "not tell; give Observation.key_poses: 0 at first, and one more after each"
            )
        done = np.array([o.key_poses or 0 for o in observations])
        return with_count(np.stack([o.proprioception for o in observations]), done, count_to)

    def _tell_strange(self, instructions: Sequence[str]) -> None:
        """Say in the log, once of each, which words the policy has never been told."""
        said = dict.fromkeys(word for text in instructions for word in words_of(text))
        new = [word for word in said if word not in self._strange and not self._knows(word)]
        if new:
            self._strange.update(new)
            _log.warning(
                "the policy has never been told %s; it acts on the rest of the sentence: say it in "
                "words of its training (manifest.json), or train it on this one",
                ", ".join(map(repr, new)),
            )

    def _knows(self, word: str) -> bool:
        if self._words:
            return word in self._words
        return not self._vocabulary or self._vocabulary.issuperset(token_ids(word))

    def _cloud(self, observation: Observation) -> tuple[np.ndarray, np.ndarray]:
        check_observation(observation, self.image_side)
        views = self.policy.config.views
        points, colors = cloud_from_views(
            observation.views, np.array(views.low), np.array(views.high)
        )
        if not len(points):
            raise EmptyCloud(
                f"no pixel of any camera lies between {views.low} and {views.high} m, the bounds "
                "of the policy's scene (world frame); check world_from_camera, the intrinsics and "
                "that depth is in meters"
            )
        return points, colors


def _array(tensor: Float[Tensor, "1 ..."]) -> np.ndarray:
    return tensor[0].float().cpu().numpy()


@dataclass(frozen=True, eq=False)
class _Window:
    """What a stage sees of the scene."""

    center: Float[Tensor, "1 3"]  # cube frame
    zoom: float
    radius: float  # [px] of a point


def _stage(
    cloud: vv.Cloud, heatmap: Float[Tensor, "1 v s s"], window: _Window, policy: Policy
) -> Stage:
    """Draw a stage's views once more."""
    config, rig, zoom = policy.config.views, policy.rig, window.zoom
    images, occupied = vv.render(cloud, config.size, window.radius, rig)
    middle = window.center.cpu().double()
    four = torch.cat([torch.zeros(1, 3), torch.eye(3)]).double()  # they determine an affine map
    cube = (vv.to_cube(four, config) - middle) * zoom
    seen = vv.to_pixels(vv.project(cube), config.size, rig.offset).numpy()  # (4, v, 2)
    cameras = np.stack([seen[1] - seen[0], seen[2] - seen[0], seen[3] - seen[0], seen[0]], axis=2)
    return Stage(
        colors=images[..., 3:6].cpu().numpy(),
        depth=images[..., 6].cpu().numpy(),
        occupied=occupied.cpu().numpy(),
        heatmap=_array(heatmap),
        low=vv.from_cube(middle - 1.0 / zoom, config)[0].numpy(),
        high=vv.from_cube(middle + 1.0 / zoom, config)[0].numpy(),
        cameras=cameras,
    )
