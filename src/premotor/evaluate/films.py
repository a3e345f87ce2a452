"""Roll-outs to look at: a filmstrip and a video with the predicted key poses drawn in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from premotor.episode.keyframe import Keyframe
from premotor.evaluate.rollout import Acts, roll_out
from premotor.geometry import rotations
from premotor.geometry.cameras import pinhole, project
from premotor.records import EvalRecord, FilmRecord, write_atomically
from premotor.simulate.environment import Environment
from premotor.simulate.rig import Rig
from premotor.store import video

SIZE = 288  # [px] side of a picture
FPS = 10
EVERY = 4  # rows of 0.05 s between two pictures of the video
MAX_PICTURES = 6  # of a strip
CAMERA = "front"
_APPROACH = (236, 88, 64)  # the way the gripper comes
_FINGERS = {True: (72, 190, 120), False: (70, 130, 230)}  # open, closed
_GAP = 6  # [px] between the pictures of a strip


@dataclass(eq=False)
class _Camera:
    """Takes pictures of one roll-out as it goes."""

    stills: list[UInt8[np.ndarray, "h w 3"]] = field(default_factory=list)
    frames: list[UInt8[np.ndarray, "h w 3"]] = field(default_factory=list)
    target: Keyframe | None = None
    _rig: Rig | None = None
    _rows: int = 0

    def before(self, environment: Environment, keyframe: Keyframe | None) -> None:
        """A key pose was chosen, or the episode is over."""
        if self._rig is None:
            world = environment.world
            self._rig = Rig(world.model, SIZE, SIZE, shadows=True, looks=world.looks)
        self.target = keyframe
        self.stills.append(self._shot(environment))

    def during(self, environment: Environment) -> None:
        """A row of motion has passed."""
        self._rows += 1
        if self._rows % EVERY == 0:
            self.frames.append(self._shot(environment))

    def _shot(self, environment: Environment) -> UInt8[np.ndarray, "h w 3"]:
        assert self._rig is not None
        data = environment.world.data
        picture = self._rig.picture(data, CAMERA)
        if self.target is None:
            return picture
        index = environment.world.model.camera(CAMERA).id
        world_from_camera = np.eye(4)
        axes = data.cam_xmat[index].reshape(3, 3) * np.array([1.0, -1.0, -1.0])
        world_from_camera[:3, :3] = axes
        world_from_camera[:3, 3] = data.cam_xpos[index]
        fov = float(environment.world.model.cam_fovy[index])
        return draw_keyframe(picture, self.target, pinhole(SIZE, SIZE, fov), world_from_camera)

    def close(self) -> None:
        """Free the GL of the pictures."""
        if self._rig is not None:
            self._rig.close()


def draw_keyframe(
    picture: UInt8[np.ndarray, "h w 3"],
    keyframe: Keyframe,
    intrinsics: Float[np.ndarray, "3 3"],
    world_from_camera: Float[np.ndarray, "4 4"],
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a key pose: a line along the approach, a bar along the fingers, a dot at the tip."""
    tip, matrix = (
        keyframe.end_effector.position,
        rotations.to_matrix(keyframe.end_effector.quaternion),
    )
    half = 0.04 if keyframe.gripper_open else 0.015  # [m] half opening of the bar
    points = np.stack(
        [tip, tip - 0.09 * matrix[:, 2], tip + half * matrix[:, 1], tip - half * matrix[:, 1]]
    )
    pixels = [(float(u), float(v)) for u, v, _ in project(points, intrinsics, world_from_camera)]
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    width = max(2, picture.shape[0] // 96)
    pen.line([pixels[1], pixels[0]], fill=_APPROACH, width=width)
    pen.line([pixels[2], pixels[3]], fill=_FINGERS[keyframe.gripper_open], width=width + 1)
    x, y = pixels[0]
    pen.ellipse([x - width, y - width, x + width, y + width], fill=(255, 255, 255))
    return np.asarray(image)


def film_strip(stills: Sequence[UInt8[np.ndarray, "h w 3"]]) -> Image.Image:
    """Pictures side by side, at most `MAX_PICTURES`, first and last included."""
    count = min(len(stills), MAX_PICTURES)
    chosen = np.round(np.linspace(0, len(stills) - 1, count)).astype(int)
    height, width = stills[0].shape[:2]
    strip = Image.new("RGB", (count * width + (count - 1) * _GAP, height), (255, 255, 255))
    for place, index in enumerate(chosen):
        strip.paste(Image.fromarray(stills[int(index)]), (place * (width + _GAP), 0))
    return strip


def choose(records: Iterable[EvalRecord], checkpoint: str) -> list[EvalRecord]:
    """For each task the first success and the first failure of a checkpoint.

    Where it never failed, the first failure of any other checkpoint stands in: what it was before.
    """
    chosen: dict[tuple[str, bool], EvalRecord] = {}
    for record in sorted(records, key=lambda r: (r.checkpoint != checkpoint, r.task, r.seed)):
        if record.checkpoint == checkpoint or not record.success:
            chosen.setdefault((record.task, record.success), record)
    return sorted(chosen.values(), key=lambda r: (r.task, not r.success))


def film(
    environment: Environment, actor: Acts, record: EvalRecord, max_key_poses: int, folder: Path
) -> FilmRecord:
    """Roll the same episode out again, taking pictures; the same seed gives the same episode."""
    camera = _Camera()
    try:
        result = roll_out(environment, actor, record.episode, max_key_poses, camera)
        stem = f"{record.checkpoint}_{record.task}_{'success' if result.success else 'failure'}"
        folder.mkdir(parents=True, exist_ok=True)
        film_strip(camera.stills).save(folder / f"{stem}.png", optimize=True)
        frames = np.stack([*camera.frames, *[camera.stills[-1]] * FPS])  # rest on the last one
        write_atomically(folder / f"{stem}.mp4", video.encode(frames, FPS, quality=23))
    finally:
        camera.close()
    return FilmRecord(
        checkpoint=record.checkpoint,
        **vars(record.episode),
        instruction=result.instruction,
        success=result.success,
        reason=result.failure or result.reason,
        strip=f"{stem}.png",
        video=f"{stem}.mp4",
    )
