"""Props find their places by the benchmark's rule."""

import numpy as np
import pytest

from premotor.errors import PlacementFailed, UnknownName
from premotor.geometry import rotations
from premotor.simulate import colors
from premotor.simulate.modeling.textures import wood
from premotor.simulate.props import Box
from premotor.simulate.props.button import Button
from premotor.simulate.room import hexagons, stone
from premotor.simulate.scene import FULL_TURN, WORKSPACE_CENTER, WORKSPACE_HALF, Region, Scene
from premotor.simulate.tasks.push_buttons import BOUNDARY, MODEL_BOX


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def _yaw(quaternion: np.ndarray) -> float:
    matrix = rotations.to_matrix(quaternion)
    return float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))


def test_roots_keep_the_model_in_the_workspace(scene: Scene) -> None:
    rng = np.random.default_rng(0)
    corners = np.array([[x, y, 0.0] for x in (-0.258, 0.258) for y in (-0.339, 0.339)])
    yaws = []
    for _ in range(200):
        root = scene.root(MODEL_BOX, FULL_TURN, rng)
        placed = corners @ rotations.to_matrix(root.quaternion).T + root.position
        offset = np.abs(placed[:, :2] - WORKSPACE_CENTER[:2])
        assert (offset <= WORKSPACE_HALF + 1e-9).all()
        yaws.append(_yaw(root.quaternion))
    away = np.minimum(np.abs(yaws), 180.0 - np.abs(yaws))
    assert away.max() < 12.5  # the benchmark's accepted yaw: within 12.4 deg of 0 or 180
    assert away.max() > 9.0
    assert {bool(abs(yaw) > 90.0) for yaw in yaws} == {True, False}


def test_a_model_too_large_is_refused(scene: Scene) -> None:
    with pytest.raises(PlacementFailed, match="fits the workspace at no yaw"):
        scene.root(Box((-0.5, -0.5, 0.0), (0.5, 0.5, 0.1)), FULL_TURN, np.random.default_rng(0))


def test_spawned_props_keep_apart_and_inside() -> None:
    rng = np.random.default_rng(1)
    scene = Scene()
    buttons: list[Button] = []
    poses = []
    for i in range(4):
        button = Button(f"button_{i}", colors.COLORS[i])
        poses.append(scene.spawn(button, Region(BOUNDARY, gap=0.02), rng, clear_of=buttons))
        buttons.append(button)
    places = np.stack([pose.position[:2] for pose in poses])
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)[np.triu_indices(4, 1)]
    assert distances.min() >= 0.12 - 1e-9  # two plates of 0.1 m and the gap
    assert (np.abs(places) <= np.array([0.208, 0.289]) + 1e-9).all()


def test_no_free_place_is_said_with_a_remedy() -> None:
    scene, rng = Scene(), np.random.default_rng(0)
    region = Box((-0.08, -0.08, 0.0), (0.08, 0.08, 0.0))
    first = Button("first", colors.color("blue"))
    scene.spawn(first, Region(region), rng)
    with pytest.raises(PlacementFailed, match="widen the region or lower its gap"):
        scene.spawn(Button("second", colors.color("white")), Region(region), rng, clear_of=[first])


def test_textures_have_the_mean_colors_of_the_benchmark() -> None:
    for image, mean, tolerance in (
        (wood(), (204, 165, 89), 16),
        (stone(), (219, 213, 203), 8),
        (hexagons(), (8, 46, 52), 8),
    ):
        assert np.abs(image.reshape(-1, 3).mean(0) - mean).max() < tolerance


def test_the_color_table_is_the_benchmarks() -> None:
    assert len(colors.COLORS) == 20
    assert [c.name for c in colors.BUTTON_PALETTE][:3] == ["maroon", "green", "blue"]
    assert len(colors.BUTTON_PALETTE) == 18
    with pytest.raises(UnknownName, match="did you mean 'maroon'"):
        colors.color("marroon")
