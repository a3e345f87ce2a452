"""Generated surfaces of freer form: turned on a lathe, cut from a sheet, drawn along a path."""

import zlib
from collections.abc import Sequence

import mapbox_earcut
import numpy as np
from jaxtyping import Float, Int

from premotor.simulate.modeling.surfaces import Surface

CREASE = np.radians(40.0)  # [rad] a profile or an outline that turns more has an edge there
TURN = 48  # segments of a lathe
SIDES = 14  # of a tube

Profile = Sequence[tuple[float, float]]


def lathe(profile: Profile) -> Surface:
    """Turn a profile of (radius, height) [m] about the z axis.

    Walk the profile with the outside on the right: from the foot up the outside and, for a
    vessel, over the rim and down the inside. The image of a texture goes once around it,
    stretched from the profile's first point (lower edge) to its last (upper edge).
    """
    points, normals, places = _creased(np.asarray(profile, dtype=np.float64), closed=False)
    angle = np.linspace(0.0, 2.0 * np.pi, TURN + 1)
    c, s = np.cos(angle), np.sin(angle)

    def turned(rz: Float[np.ndarray, "p 2"]) -> Float[np.ndarray, "v 3"]:
        height = np.broadcast_to(rz[:, 1:], (len(rz), TURN + 1))
        return np.stack([rz[:, :1] * c, rz[:, :1] * s, height], axis=-1).reshape(-1, 3)

    u, v = np.meshgrid(angle / (2.0 * np.pi), places / places[-1])
    texcoords = np.stack([u, v], axis=-1).reshape(-1, 2)
    vertices = turned(points)
    faces = _grid_faces(len(points), TURN + 1)
    return _surface("lathe", vertices, turned(normals), faces, texcoords)


def prism(
    outline: Float[np.ndarray, "n 2"],
    height: float,
    holes: Sequence[Float[np.ndarray, "_ 2"]] = (),
) -> Surface:
    """A sheet of `height` [m] about z = 0, cut along an outline, perhaps with holes [m].

    The outline goes counterclockwise as seen from +z and may be concave; so do the holes.
    A texture lies on the sheet as in `bevelled_box`, u along x, one width in 0.3 m.
    """
    rings = [np.asarray(ring, dtype=np.float64) for ring in (outline, *holes)]
    flat = np.concatenate(rings)
    ends = np.cumsum([len(ring) for ring in rings]).astype(np.uint32)
    sheet = mapbox_earcut.triangulate_float64(flat, ends).reshape(-1, 3).astype(np.int64)
    a, b, c = (flat[sheet[:, i]] for i in range(3))
    ab, ac = b - a, c - a
    clockwise = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0] < 0
    sheet[clockwise] = sheet[clockwise][:, ::-1]
    parts = [
        (_at_height(flat, height / 2), _at_height(np.zeros_like(flat), 1.0), sheet),
        (_at_height(flat, -height / 2), _at_height(np.zeros_like(flat), -1.0), sheet[:, ::-1]),
    ]
    parts += [_wall(ring if i == 0 else ring[::-1], height) for i, ring in enumerate(rings)]
    vertices, normals, faces = _joined(parts)
    return _surface("prism", vertices, normals, faces, vertices[:, :2] / 0.3)


def tube(path: Float[np.ndarray, "n 3"], diameter: float) -> Surface:
    """A round bar along a path of points [m], with flat ends: handles, spouts, wires.

    The image of a texture goes once around it and once along it, from the path's start.
    """
    points = np.asarray(path, dtype=np.float64)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    normal = np.cross(along[0], np.eye(3)[np.argmin(np.abs(along[0]))])
    angle = np.linspace(0.0, 2.0 * np.pi, SIDES + 1)
    rings, normals = [], []
    for point, tangent in zip(points, along, strict=True):
        normal = normal - (normal @ tangent) * tangent  # carried along without turning
        normal /= np.linalg.norm(normal)
        side = np.cross(tangent, normal)
        ring = np.cos(angle)[:, None] * normal + np.sin(angle)[:, None] * side
        rings.append(point + ring * diameter / 2)
        normals.append(ring)
    wall = (np.concatenate(rings), np.concatenate(normals), _grid_faces(len(points), SIDES + 1))
    ends = [_disc(rings[0][::-1], -along[0]), _disc(rings[-1], along[-1])]
    vertices, unit, faces = _joined([wall, *ends])
    around, way = np.meshgrid(angle / (2.0 * np.pi), np.linspace(0.0, 1.0, len(points)))
    on_ends = np.repeat([(0.0, 0.0), (0.0, 1.0)], SIDES + 2, axis=0)
    texcoords = np.concatenate([np.stack([around, way], axis=-1).reshape(-1, 2), on_ends])
    return _surface("tube", vertices, unit, faces, texcoords)


def arc(radius: float, start: float, end: float, count: int = 16) -> Float[np.ndarray, "n 2"]:
    """Points [m] on a circle about the origin between two angles [rad], both ends included."""
    angle = np.linspace(start, end, count)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def rounded_rectangle(x: float, y: float, radius: float) -> Float[np.ndarray, "n 2"]:
    """Counterclockwise outline of a rectangle of size x, y [m] with rounded corners."""
    corners = []
    for i, (side_x, side_y) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        turn = arc(radius, i * np.pi / 2, (i + 1) * np.pi / 2, 8)
        center = np.array([side_x * (x / 2 - radius), side_y * (y / 2 - radius)])
        corners.append(turn + center)
    return np.concatenate(corners)


def _creased(
    line: Float[np.ndarray, "n 2"], closed: bool
) -> tuple[Float[np.ndarray, "p 2"], Float[np.ndarray, "p 2"], Float[np.ndarray, " p"]]:
    """Points of a line with outward normals (to the right) and the way along it.

    A point where the line turns by more than `CREASE` is doubled, once for each side.
    """
    ring = np.vstack([line, line[:1]]) if closed else line
    steps = np.diff(ring, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    right = np.stack([steps[:, 1], -steps[:, 0]], axis=1) / lengths[:, None]
    way = np.concatenate([[0.0], np.cumsum(lengths)])
    points, normals, places = [], [], []
    for i in range(len(ring)):
        before = right[i - 1] if i > 0 or closed else right[0]
        after = right[i % len(right)] if i < len(right) or closed else right[-1]
        mean = before + after
        smooth = float(before @ after) > np.cos(CREASE)
        for normal in (mean / np.linalg.norm(mean),) if smooth else (before, after):
            points.append(ring[i])
            normals.append(normal)
            places.append(way[i])
    return np.stack(points), np.stack(normals), np.array(places)


def _grid_faces(rows: int, columns: int) -> Int[np.ndarray, "f 3"]:
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    a = (row * columns + column).ravel()
    b, c, d = a + 1, a + columns, a + columns + 1
    return np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])


def _at_height(flat: Float[np.ndarray, "n 2"], z: float) -> Float[np.ndarray, "n 3"]:
    return np.column_stack([flat, np.full(len(flat), z)])


_Part = tuple[Float[np.ndarray, "_ 3"], Float[np.ndarray, "_ 3"], Int[np.ndarray, "_ 3"]]


def _wall(ring: Float[np.ndarray, "n 2"], height: float) -> _Part:
    """The side of a sheet along a ring whose outside lies to the right."""
    points, normals, _ = _creased(ring, closed=True)
    vertices = np.concatenate([_at_height(points, -height / 2), _at_height(points, height / 2)])
    flat = _at_height(normals, 0.0)
    return vertices, np.concatenate([flat, flat]), _grid_faces(2, len(points))


def _disc(ring: Float[np.ndarray, "n 3"], normal: Float[np.ndarray, "3"]) -> _Part:
    """A flat end; the ring goes counterclockwise as seen from where the normal points."""
    vertices = np.vstack([ring, ring[:-1].mean(axis=0)])
    steps = np.arange(len(ring) - 1)
    faces = np.stack([steps, steps + 1, np.full(len(steps), len(ring))], axis=1)
    return vertices, np.tile(normal, (len(vertices), 1)), faces


def _joined(parts: Sequence[_Part]) -> _Part:
    offsets = np.cumsum([0, *(len(vertices) for vertices, _, _ in parts)])
    faces = [part[2] + offset for part, offset in zip(parts, offsets[:-1], strict=True)]
    vertices = np.concatenate([part[0] for part in parts])
    return vertices, np.concatenate([part[1] for part in parts]), np.concatenate(faces)


def _surface(
    kind: str,
    vertices: Float[np.ndarray, "v 3"],
    normals: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    texcoords: Float[np.ndarray, "v 2"] | None,
) -> Surface:
    """Drop triangles without area, and name the mesh by what it is."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    kept = faces[area > 1e-12]
    name = f"{kind}_{zlib.crc32(vertices.tobytes() + kept.tobytes()):08x}"
    return Surface(name, vertices, normals, kept, texcoords)
