"""Generated surfaces are closed and face outward."""

import numpy as np
import pytest

from premotor.simulate.modeling.forms import arc, lathe, prism, tube
from premotor.simulate.modeling.surfaces import (
    Surface,
    bevelled_box,
    labelled_box,
    rounded_cylinder,
)

BOX = bevelled_box((0.05, 0.04, 0.01), 0.001)
CYLINDER = rounded_cylinder(0.03, 0.01, 0.001)
SQUARE = np.array([(-0.05, -0.05), (0.05, -0.05), (0.05, 0.05), (-0.05, 0.05)])
STAR = np.concatenate([arc(0.04 if i % 2 else 0.02, i * 0.628, i * 0.628, 1) for i in range(10)])
CONE = lathe([(0.0, 0.0), (0.03, 0.0), (0.0, 0.05)])
VESSEL = lathe([(0.0, 0.0), (0.03, 0.0), (0.03, 0.05), (0.02, 0.05), (0.02, 0.01), (0.0, 0.01)])
PLATE = prism(SQUARE, 0.01, holes=[arc(0.02, 0.0, 2 * np.pi, 65)[:-1]])
BAR = tube(np.array([[0.0, 0.0, z] for z in np.linspace(0.0, 0.1, 5)]), 0.02)
HOOK = tube(np.column_stack([arc(0.05, 0.0, np.pi, 20), np.zeros(20)]), 0.01)


def _volume(surface: Surface) -> float:
    a, b, c = (surface.vertices[surface.faces[:, i]] for i in range(3))
    return float(np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize(
    ("surface", "volume"),
    [
        (BOX, 8 * 0.05 * 0.04 * 0.01),
        (CYLINDER, np.pi * 0.03**2 * 0.02),
        (CONE, np.pi * 0.03**2 * 0.05 / 3),
        (VESSEL, np.pi * (0.03**2 * 0.05 - 0.02**2 * 0.04)),
        (prism(STAR, 0.02), 10 * 0.5 * 0.04 * 0.02 * np.sin(np.pi / 5) * 0.02),
        (PLATE, (0.1**2 - np.pi * 0.02**2) * 0.01),
        (BAR, np.pi * 0.01**2 * 0.1),
        (HOOK, np.pi * 0.005**2 * np.pi * 0.05),
    ],
)
def test_surfaces_enclose_nearly_their_full_volume(surface: Surface, volume: float) -> None:
    assert 0.95 * volume < _volume(surface) < 1.01 * volume


@pytest.mark.parametrize("surface", [BOX, CYLINDER, CONE, VESSEL, prism(STAR, 0.02), PLATE, HOOK])
def test_every_edge_is_shared_by_two_faces(surface: Surface) -> None:
    _, merged = np.unique(np.round(surface.vertices, 9), axis=0, return_inverse=True)
    faces = merged[surface.faces]
    faces = faces[[len(set(face)) == 3 for face in faces.tolist()]]
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all()


@pytest.mark.parametrize("surface", [BOX, CYLINDER, VESSEL, PLATE, prism(STAR, 0.02), HOOK])
def test_normals_are_unit_and_on_the_side_their_faces_show(surface: Surface) -> None:
    assert np.allclose(np.linalg.norm(surface.normals, axis=1), 1.0)
    a, b, c = (surface.vertices[surface.faces[:, i]] for i in range(3))
    shown = np.cross(b - a, c - a)
    mean = surface.normals[surface.faces].mean(axis=1)
    assert (np.einsum("fi,fi->f", shown, mean) > 0).all()


def test_a_label_is_cut_into_six_panels_that_read_from_left_to_right() -> None:
    surface = labelled_box((0.05, 0.04, 0.03), 0.001)
    assert surface.texcoords is not None
    for panel, (axis, side) in enumerate((a, s) for a in range(3) for s in (1, -1)):
        mine = surface.normals[:, axis] == side
        u, v = surface.texcoords[mine].T
        assert panel / 6 < u.min() < u.max() < (panel + 1) / 6
        outward = np.eye(3)[axis] * side
        up = np.eye(3)[1 if axis == 2 else 2]
        right = np.cross(up, outward)  # as seen from outside
        assert np.corrcoef(surface.vertices[mine] @ right, u)[0, 1] > 0.99
        assert np.corrcoef(surface.vertices[mine] @ up, v)[0, 1] > 0.99
