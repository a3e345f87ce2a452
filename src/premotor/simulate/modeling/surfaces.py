"""Small generated surfaces: boxes with broken edges, cylinders with rounded rims."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, Int

ROUND = 40  # segments around a cylinder
RIM = 3  # segments over a rounded rim
GRAIN = 0.3  # [m] of a box's side for one width of a texture such as wood


@dataclass(frozen=True, eq=False)
class Surface:
    """A triangle mesh with one normal per vertex [m].

    Texture coordinates are one per vertex: (0, 0) is the lower left corner of an image, (1, 1)
    the upper right one.
    """

    name: str
    vertices: Float[np.ndarray, "v 3"]
    normals: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    texcoords: Float[np.ndarray, "v 2"] | None = None


SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)


@cache
def bevelled_box(half: tuple[float, float, float], bevel: float) -> Surface:
    """A box of half extents `half` [m] whose edges and corners are cut by `bevel` [m].

    Each corner gives three vertices, one per face that meets there; their normals point along
    that face, so that flat faces shade flat and the cut edges catch the light.
    """
    extents = np.asarray(half)
    vertices = np.empty((8, 3, 3))
    normals = np.zeros((8, 3, 3))
    for axis in range(3):
        cut = np.full(3, bevel)
        cut[axis] = 0.0
        vertices[:, axis] = SIGNS * (extents - cut)
        normals[:, axis, axis] = SIGNS[:, axis]
    name = "box_" + "_".join(f"{value * 1e5:.0f}" for value in (*half, bevel))
    flat = vertices.reshape(-1, 3)
    texcoords = _along_the_longer(extents, vertices) / GRAIN
    return Surface(name, flat, normals.reshape(-1, 3), _oriented(flat, _box_faces()), texcoords)


def _along_the_longer(
    extents: Float[np.ndarray, "3"], vertices: Float[np.ndarray, "8 3 3"]
) -> Float[np.ndarray, "24 2"]:
    """In-plane places [m] of a box's vertices, u along the longer edge of their face."""
    out = np.empty((8, 3, 2))
    for axis in range(3):
        u, v = sorted((a for a in range(3) if a != axis), key=lambda a: -extents[a])
        out[:, axis] = vertices[:, axis][:, [u, v]]
    return out.reshape(-1, 2)


@cache
def labelled_box(half: tuple[float, float, float], bevel: float) -> Surface:
    """The same box for a printed carton: its image is a strip of six panels, side by side.

    The panels are +x, -x, +y, -y, +z, -z, each upright as seen from outside with z up (the two
    lids with y up), each a sixth of the image's width and its full height.
    """
    plain = bevelled_box(half, bevel)
    places = plain.vertices.reshape(8, 3, 3) / np.asarray(half)
    out = np.empty((8, 3, 2))
    for corner in range(8):
        for axis in range(3):
            side = float(SIGNS[corner, axis])
            x, y, z = places[corner, axis]
            right, up = ((side * y, z), (-side * x, z), (side * x, y))[axis]
            panel = 2 * axis + (side < 0)
            out[corner, axis] = (panel + (right + 1) / 2) / 6, (up + 1) / 2
    return Surface(
        "label_" + plain.name, plain.vertices, plain.normals, plain.faces, out.reshape(-1, 2)
    )


@cache
def _box_faces() -> Int[np.ndarray, "f 3"]:
    """Corners, cut edges and flat faces; vertex 3 c + a is corner c on its face along axis a."""
    faces = [[3 * corner, 3 * corner + 1, 3 * corner + 2] for corner in range(8)]
    for corner in range(8):
        for axis in range(3):
            neighbor = corner ^ (4 >> axis)  # the corner across this axis
            if neighbor > corner:
                i, j = (3 * corner + a for a in range(3) if a != axis)
                k, m = (3 * neighbor + a for a in range(3) if a != axis)
                faces += [[i, j, k], [j, m, k]]
    for axis in range(3):
        for side in (-1.0, 1.0):
            a, b, c, d = (3 * corner + axis for corner in range(8) if SIGNS[corner, axis] == side)
            faces += [[a, b, c], [b, d, c]]
    return np.array(faces)


def _oriented(
    vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]
) -> Int[np.ndarray, "f 3"]:
    """Turn triangles of a convex surface about the origin so that they face outward."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    inward = np.einsum("fi,fi->f", np.cross(b - a, c - a), a + b + c) < 0
    out = faces.copy()
    out[inward] = out[inward][:, ::-1]
    return out


@cache
def rounded_cylinder(radius: float, half_height: float, bevel: float) -> Surface:
    """A cylinder about z whose two rims are rounded with radius `bevel` [m]."""
    turn = np.linspace(0.0, np.pi / 2, RIM + 1)
    rim_r = radius - bevel + bevel * np.cos(turn)
    rim_z = half_height - bevel + bevel * np.sin(turn)
    r = np.concatenate([[0.0], rim_r[::-1], rim_r, [0.0]])
    z = np.concatenate([[half_height], rim_z[::-1], -rim_z, [-half_height]])
    normal_r = np.concatenate([[0.0], np.cos(turn)[::-1], np.cos(turn), [0.0]])
    normal_z = np.concatenate([[1.0], np.sin(turn)[::-1], -np.sin(turn), [-1.0]])
    angle = np.linspace(0.0, 2 * np.pi, ROUND, endpoint=False)
    vertices = _revolve(r, z, angle)
    name = f"cylinder_{radius * 1e5:.0f}_{half_height * 1e5:.0f}_{bevel * 1e5:.0f}"
    faces = _oriented(vertices, _lathe_faces(len(r)))
    return Surface(name, vertices, _revolve(normal_r, normal_z, angle), faces)


def _revolve(
    r: Float[np.ndarray, " p"], z: Float[np.ndarray, " p"], angle: Float[np.ndarray, " a"]
) -> Float[np.ndarray, "v 3"]:
    x = r[:, None] * np.cos(angle)
    y = r[:, None] * np.sin(angle)
    return np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], axis=-1).reshape(-1, 3)


def _lathe_faces(rings: int) -> Int[np.ndarray, "f 3"]:
    ring, step = np.meshgrid(np.arange(rings - 1), np.arange(ROUND), indexing="ij")
    following = (step + 1) % ROUND
    a, b = ring * ROUND + step, ring * ROUND + following
    c, d = a + ROUND, b + ROUND
    first = np.stack([a, b, c], -1).reshape(-1, 3)[ROUND:]  # the top ring is one point
    second = np.stack([b, d, c], -1).reshape(-1, 3)[:-ROUND]  # so is the bottom ring
    return np.concatenate([first, second])
