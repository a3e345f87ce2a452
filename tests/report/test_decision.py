"""A decision as a picture: PNG, the same bytes every time, marks where they belong."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from premotor.episode.decision import Decision, Stage
from premotor.episode.keyframe import Keyframe
from premotor.geometry.poses import Pose
from premotor.report.decision import decision_png

SIZE = 16
DOWN = (0.0, 1.0, 0.0, 0.0)


def stage(low: list[float], high: list[float], peak: float) -> Stage:
    corner, side = np.array(low), np.array(high) - np.array(low)
    cameras = np.zeros((3, 2, 4))
    for view, (column, row, sign) in enumerate(((0, 1, 1.0), (1, 2, 1.0), (0, 2, -1.0))):
        for line, axis, direction in ((0, column, sign), (1, row, -1.0)):
            scale = direction * SIZE / side[axis]
            start = corner[axis] if direction > 0 else corner[axis] + side[axis]
            cameras[view, line, axis] = scale
            cameras[view, line, 3] = -scale * start - 0.5
    heatmap = np.zeros((3, SIZE, SIZE))
    heatmap[:, 8, 8] = peak
    occupied = np.zeros((3, SIZE, SIZE), dtype=bool)
    occupied[:, 4:12, 4:12] = True
    return Stage(
        colors=np.repeat(0.5 * occupied[..., None], 3, axis=3),
        depth=np.zeros((3, SIZE, SIZE)),
        occupied=occupied,
        heatmap=heatmap,
        low=np.array(low),
        high=np.array(high),
        cameras=cameras,
    )


@pytest.fixture
def decision() -> Decision:
    return Decision(
        instruction="push the maroon button",
        keyframe=Keyframe(Pose.of([0.2, 0.0, 1.1], DOWN), False, True),
        coarse=stage([-0.3, -0.5, 0.6], [0.7, 0.5, 1.6], 9.0),
        fine=stage([0.075, -0.125, 0.975], [0.325, 0.125, 1.225], 9.0),
        rotation=np.full((3, 72), 1 / 72),
        gripper_open=0.1,
        ignore_collisions=0.9,
        e=np.zeros(4),
    )


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def counted(image: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((np.abs(image - color).max(2) < 3).sum())


def test_the_same_decision_gives_the_same_picture(decision):
    first = decision_png(decision)
    assert first.startswith(b"\x89PNG")
    assert first == decision_png(decision)


def test_the_demonstrated_pose_is_drawn_beside_the_chosen_one(decision):
    true = replace(decision.keyframe, end_effector=Pose.of([0.25, 0.05, 1.05], DOWN))
    green = (11, 122, 117)
    without, beside = (pixels(decision_png(decision, t)) for t in (None, true))
    assert counted(without, green) == 0
    assert counted(beside, green) > 6 * 50  # a mark in each view


def test_heat_is_drawn_as_strong_as_the_policy_is_sure(decision):
    def heat(peak: float) -> int:
        undecided = replace(decision.coarse, heatmap=decision.coarse.heatmap * peak / 9.0)
        image = pixels(decision_png(replace(decision, coarse=undecided)))
        return int((255 - image[..., 1]).sum())  # green fades as heat grows

    assert heat(0.0) < heat(4.0) < heat(9.0)


def test_the_pixels_of_a_stage_are_those_of_its_cameras(decision):
    middle = (decision.coarse.low + decision.coarse.high) / 2
    found = decision.coarse.pixels(middle[None])
    assert found.shape == (1, 3, 2)
    np.testing.assert_allclose(found, (SIZE - 1) / 2)
