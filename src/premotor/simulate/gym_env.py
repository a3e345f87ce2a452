"""A task as a Gymnasium environment: what a policy of any library sees, does and is told.

    import gymnasium, premotor.simulate
    env = gymnasium.make("premotor/push_buttons-v0", render_mode="rgb_array")
    observation, info = env.reset(seed=3, options={"variation": 1})

An action is the benchmark's 9 numbers: the tip's target position [m] and quaternion (xyzw) in the
world frame, gripper (> 0.5 open) and ignore collisions (> 0.5 true). The arm moves there, then
the gripper; one step is one such motion. An action that cannot be carried out (a number that is
not finite, a quaternion whose length is not within 0.001 of 1, a target outside the action box or
out of reach) ends the episode without reward, as the benchmark has it; `info` says why.

Nothing is rendered, and no GL is touched, before the first reset: environments can be made in one
process and used in another (`gymnasium.make_vec(..., vectorization_mode="async")`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from jaxtyping import Float, UInt8

from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import CAMERAS
from premotor.errors import ConfigError, PlacementFailed, PremotorError
from premotor.geometry import rotations
from premotor.simulate.environment import Environment, Outcome, find_task
from premotor.simulate.gym_film import HERO, MOTION_FPS, SLIDES_FPS, Film, Picture
from premotor.simulate.gym_spaces import (
    action_space,
    check_cameras,
    observation_space,
)
from premotor.simulate.rig import Rig, check_size, mask_names, whole_number

FIRST_DRAWN_SEED = 2**40  # beyond what data sets draw from (collect.py, --seed below 10 000)
SEED_DRAWS = 10  # seeds drawn, where none was given, before a task counts as impossible to place


class ResetNeeded(PremotorError, gymnasium.error.ResetNeeded):
    """There is no episode, or it has ended."""


class TaskEnv(gymnasium.Env[dict[str, Any], Any]):
    """One task; (task, variation, seed) is the same episode as in `Environment`.

    Observations hold, for each camera, `<camera>_rgb`, `<camera>_depth` [m] along the optical
    axis, `<camera>_intrinsics` [px], `<camera>_world_from_camera` (x right, y down, z forward)
    and, if wished, `<camera>_mask`, the body seen by each pixel, named by `info["mask_names"]`.
    Beside them what the robot feels, in the world frame, and the instruction.

    Attributes:
        environment: What is behind it, with the expert's way (`waypoints`).
    """

    # Gymnasium reads it from the class and, for its frame rate, from the instance.
    metadata = {  # noqa: RUF012
        "render_modes": ["rgb_array", "rgb_array_list"],
        "render_fps": MOTION_FPS,
    }

    def __init__(
        self,
        task: str,
        render_mode: str | None = None,
        cameras: Sequence[str] = CAMERAS,
        image_size: Sequence[int] = (128, 128),
        masks: bool = False,
        picture: Picture = HERO,
    ) -> None:
        """Describe the environment; nothing is staged before `reset`.

        Args:
            task: Name of the task.
            render_mode: "rgb_array": one picture of how things stand; "rgb_array_list": those
                of the episode since the last call, 0.1 s of simulated time apart and one of how
                it ended (see `gym_film.MotionVideo`).
            cameras: What the policy sees; "overhead" is one more than the usual four.
            image_size: Width and height of what it sees [px].
            masks: Whether it sees which body is where.
            picture: What `render` shows.

        Raises:
            ConfigError: A value cannot be meant; a task or camera is unknown.
        """
        if render_mode not in (None, *self.metadata["render_modes"]):
            modes = self.metadata["render_modes"]
            raise ConfigError(f"render_mode must be None or one of {modes}, got {render_mode!r}")
        check_cameras(cameras)
        check_size(image_size)
        if not isinstance(masks, bool) or not isinstance(picture, Picture):
            raise ConfigError(
                f"masks must be True or False and picture a Picture, got {masks!r} and {picture!r}"
            )
        self._task = find_task(task)
        self.render_mode = render_mode
        if render_mode == "rgb_array":
            self.metadata = {**self.metadata, "render_fps": SLIDES_FPS}
        self._cameras = tuple(dict.fromkeys(cameras))
        self._masks = masks
        self.environment = Environment(*image_size)
        self.observation_space = observation_space(self._cameras, image_size, masks)
        self.action_space = action_space()
        self._eye: Rig | None = None  # what the policy sees
        self._film = Film(picture)  # what `render` shows
        self._filming = render_mode == "rgb_array_list"
        if self._filming:
            self.environment.on_step = self._film.step
        self._acting = False
        self._episode: dict[str, Any] = {}  # what `info` says of the episode

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Stage an episode.

        Args:
            seed: Of the episode; drawn if missing, beyond the seeds of all data sets.
            options: `variation` chooses one of the task's; else the seed chooses.

        Raises:
            ConfigError: An option is unknown, or there is no such variation.
            PlacementFailed: The seed has no admissible layout (drawn seeds are drawn again).
        """
        if seed is not None and (not whole_number(seed) or seed < 0):
            raise ConfigError(f"a seed is a whole number from 0 on, got {seed!r}")
        wished = _variation(options or {})
        super().reset(seed=seed)
        self.close()
        self._begin(*self._stage(seed, wished, SEED_DRAWS))
        return self._observation(), self._info(Outcome(False, False, False, ""))

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Bring the tip to a pose, then the gripper to its state.

        Args:
            action: The 9 numbers, see the head of this file; an array or a sequence.

        Returns:
            Observation, reward (1 on success, else 0), whether the episode has ended, False (the
            limit of steps is a wrapper's), and `info`: `error` is "" or a code ("invalid_action",
            "out_of_bounds", "no_path") that `reason` puts in words.

        Raises:
            ConfigError: There are not 9 numbers.
            ResetNeeded: There is no episode, or it has ended.
        """
        numbers = _numbers(action)
        if not self._acting:
            raise ResetNeeded("no episode goes on; call reset() first")
        outcome = self._act(numbers)
        self._acting = not outcome.ended
        reward = float(outcome.success)
        return self._observation(), reward, outcome.ended, False, self._info(outcome)

    def render(self) -> UInt8[np.ndarray, "h w 3"] | list[Any] | None:
        """The picture, or the pictures of the motion since the last call.

        Raises:
            ResetNeeded: Nothing has been staged yet.
        """
        if self.render_mode is None:
            gymnasium.logger.warn('render() shows nothing without a render_mode, as "rgb_array"')
            return None
        if not self._episode:
            raise ResetNeeded("there is nothing to show yet; call reset() first")
        return self._film.pictures() if self._filming else self._film.now()

    def close(self) -> None:
        """Free what lies in the GL; a reset begins anew."""
        self._acting = False
        self._episode = {}
        if self._eye is not None:
            self._eye.close()
            self._eye = None
        self._film.close()
        self.environment.close()

    def _stage(self, seed: int | None, wished: int | None, draws: int) -> tuple[int, int]:
        """Stage what was asked for, or drawn; returns variation and seed."""
        number = FIRST_DRAWN_SEED + int(self.np_random.integers(2**31)) if seed is None else seed
        count = len(self._task.variations)
        drawn = int(np.random.default_rng(number).integers(count))
        variation = drawn if wished is None else wished
        try:
            self.environment.reset(EpisodeId(self._task.name, variation, number))
        except PlacementFailed:
            if seed is not None or draws == 1:
                raise
            return self._stage(None, wished, draws - 1)
        return variation, number

    def _begin(self, variation: int, seed: int) -> None:
        self._acting = True
        self._episode = {
            "task": self._task.name,
            "variation": variation,
            "seed": seed,
            "instructions": self.environment.instructions,
        }
        if self._masks:
            self._episode["mask_names"] = mask_names(self.environment.world.model)
        self._film.begin(self.environment.world)
        if self._filming:
            self._film.keep()

    def _act(self, numbers: Float[np.ndarray, "9"]) -> Outcome:
        try:
            keyframe = Keyframe.from_action(numbers)
        except ConfigError as error:
            outcome = Outcome(False, False, True, "invalid_action", str(error))
        else:
            outcome = self.environment.act(keyframe)
        if self._filming and (outcome.ended or not self._film.waiting):
            self._film.keep()  # how it ended; or nothing moved, and that is to be seen
        return outcome

    def _observation(self) -> dict[str, Any]:
        row = self.environment.proprioception_row()
        tip = row.end_effector
        seen: dict[str, Any] = {
            "joint_positions": row.joint_positions,
            "joint_velocities": row.joint_velocities,
            "gripper_open": np.array([row.gripper_open], dtype=np.float32),
            "gripper_pose": np.concatenate([tip.position, rotations.to_xyzw(tip.quaternion)]),
            "gripper_joint_positions": row.finger_positions,
            "instruction": self.environment.instructions[0],
        }
        for camera in self._cameras:
            seen.update(self._view(camera))
        return seen

    def _view(self, camera: str) -> dict[str, Any]:
        world = self.environment.world
        if self._eye is None:
            size = (self.environment.width, self.environment.height)
            self._eye = Rig(world.model, *size, looks=world.looks)
        view = self._eye.render(world.data, camera)
        seen: dict[str, Any] = {
            f"{camera}_rgb": view.rgb,
            f"{camera}_depth": view.depth,
            f"{camera}_intrinsics": view.intrinsics,
            f"{camera}_world_from_camera": view.world_from_camera,
        }
        if self._masks:
            seen[f"{camera}_mask"] = self._eye.mask(world.data, camera)
        return seen

    def _info(self, outcome: Outcome) -> dict[str, Any]:
        failed = outcome.ended and not outcome.success
        return {
            **self._episode,
            "success": outcome.success,
            "strict": outcome.strict,
            "error": outcome.reason if failed else "",
            "reason": outcome.detail,
        }


def _numbers(action: object) -> Float[np.ndarray, "9"]:
    meant = "an action is 9 numbers (position, quaternion xyzw, gripper, ignore collisions), got "
    try:
        numbers = np.asarray(action, dtype=np.float64)
    except (TypeError, ValueError):
        raise ConfigError(f"{meant}{action!r}") from None
    if numbers.shape != (9,):
        raise ConfigError(f"{meant}an array of shape {numbers.shape}")
    return numbers


def _variation(options: Mapping[str, Any]) -> int | None:
    """The variation asked for, if one is.

    Raises:
        ConfigError: Another option came, or not a whole number.
    """
    if not isinstance(options, Mapping):
        raise ConfigError(f"reset options are names with values, got {options!r}")
    if unknown := set(options) - {"variation"}:
        raise ConfigError(f"unknown reset options {sorted(unknown)}; there is only 'variation'")
    variation = options.get("variation")
    if variation is not None and not whole_number(variation):
        raise ConfigError(f"variation must be a whole number, got {variation!r}")
    return None if variation is None else int(variation)
