"""Generated surfaces are closed and face outward."""

import numpy as np
import pytest

from premotor.simulate.props.shapes import Surface, bevelled_box, rounded_cylinder


def _volume(surface: Surface) -> float:
    a, b, c = (surface.vertices[surface.faces[:, i]] for i in range(3))
    return float(np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize(
    ("surface", "volume"),
    [
        (bevelled_box((0.05, 0.04, 0.01), 0.001), 8 * 0.05 * 0.04 * 0.01),
        (rounded_cylinder(0.03, 0.01, 0.001), np.pi * 0.03**2 * 0.02),
    ],
)
def test_surfaces_enclose_nearly_their_full_volume(surface: Surface, volume: float) -> None:
    assert 0.95 * volume < _volume(surface) < volume


@pytest.mark.parametrize(
    "surface", [bevelled_box((0.05, 0.04, 0.01), 0.001), rounded_cylinder(0.03, 0.01, 0.001)]
)
def test_every_edge_is_shared_by_two_faces(surface: Surface) -> None:
    _, merged = np.unique(np.round(surface.vertices, 9), axis=0, return_inverse=True)
    faces = merged[surface.faces]
    faces = faces[[len(set(face)) == 3 for face in faces.tolist()]]
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all()


def test_normals_are_unit_and_point_outward() -> None:
    for surface in (bevelled_box((0.05, 0.04, 0.01), 0.001), rounded_cylinder(0.03, 0.01, 0.001)):
        assert np.allclose(np.linalg.norm(surface.normals, axis=1), 1.0)
        assert (np.einsum("vi,vi->v", surface.normals, surface.vertices) > 0).all()
