"""The looks of the arm: real link meshes, read from an installed package and simplified once.

The `gymnasium-robotics` package (MIT) carries the visual meshes of a Franka Panda. They are found
through its module spec (the package is never imported), split into connected components, given a
finish each by a table of ours, simplified, and kept in a cache. No mesh lies in this repository.
There is no silent fallback: other looks would make another data set.
"""

import hashlib
import importlib.util
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import fast_simplification
import numpy as np
from jaxtyping import Float32, Int32
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from premotor.arrays import read_npz
from premotor.errors import DataError
from premotor.folders import cache_home
from premotor.limits import MIB
from premotor.records import write_atomically

LINKS = (*(f"link{i}" for i in range(8)), "hand", "finger")
NUM_FACES = 17_000  # of the whole arm, after simplification; 134 k before
RECIPE = 3  # raise when a rule below changes what the cache holds

_MESHES = Path("envs/assets/kitchen_franka/franka_assets/meshes/visual")
_STL = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])

# RLBench's finger boxes end 1 mm behind the tip, Franka's fingers 2 mm beyond it: they are shown as
# long as they are felt.
_SCALES: Mapping[str, tuple[float, float, float]] = {"finger": (1.0, 1.0, 0.94)}

# Finish of each connected component of a mesh, numbered in the order of its first vertex; what is
# not named is "shell".
_FINISHES: Mapping[str, Mapping[int, str]] = {
    "link0": {**dict.fromkeys((1, 4, 5, 6, 11, 12), "joint"), **dict.fromkeys((7, 8, 9), "metal")},
    "link3": dict.fromkeys((1, 2, 3), "joint"),
    "link4": dict.fromkeys((1, 2, 3), "joint"),
    "link5": {1: "joint"},
    "link6": {0: "metal", 2: "joint", 3: "metal", 9: "joint", 14: "metal", 25: "light"},
    "link7": {0: "metal", 1: "light", 2: "light", 3: "joint", 5: "joint", 6: "light", 7: "joint"},
    "hand": {0: "metal", 2: "joint", 3: "joint"},
    "finger": {0: "metal", 1: "joint", 2: "joint", 3: "joint"},
}


@dataclass(frozen=True, eq=False)
class Shell:
    """One visual mesh of one finish, in the frame of its link."""

    link: str  # one of LINKS
    finish: str  # "shell", "joint", "metal" or "light"
    vertices: Float32[np.ndarray, "v 3"]  # [m]
    faces: Int32[np.ndarray, "f 3"]


@cache
def shells() -> tuple[Shell, ...]:
    """All visual meshes of the arm, about `NUM_FACES` faces in all.

    Raises:
        DataError: The package that carries the meshes is missing or a file of it is damaged.
    """
    sources = {link: _source(link).read_bytes() for link in LINKS}
    path = cache_home() / f"panda-{_key(sources)}.npz"
    if not path.exists():
        _write(path, _make(sources))
    return _read(path)


def mesh_fingerprint() -> str:
    """SHA-256 over every vertex, face and finish that is rendered; it stands in each data set."""
    digest = hashlib.sha256()
    for shell in shells():
        digest.update(f"{shell.link}/{shell.finish}".encode())
        digest.update(shell.vertices.tobytes())
        digest.update(shell.faces.tobytes())
    return digest.hexdigest()


def _source(link: str) -> Path:
    spec = importlib.util.find_spec("gymnasium_robotics")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / _MESHES / f"{link}.stl"
        if path.exists():
            return path
    raise DataError(
        f"no Franka mesh {link}.stl: it is read from the package gymnasium-robotics; "
        "run `pip install 'gymnasium-robotics>=1.4.2'`"
    )


def _key(sources: Mapping[str, bytes]) -> str:
    rules = f"{RECIPE} {NUM_FACES} {_FINISHES} {_SCALES} {fast_simplification.__version__}"
    digest = hashlib.sha256(rules.encode())
    for link in LINKS:
        digest.update(sources[link])
    return digest.hexdigest()[:16]


def _make(sources: Mapping[str, bytes]) -> list[Shell]:
    parts = [part for link in LINKS for part in _parts(link, sources[link])]
    total = sum(len(part.faces) for part in parts)
    return [_simplify(part, NUM_FACES / total) for part in parts]


def _parts(link: str, data: bytes) -> list[Shell]:
    """Weld the triangles of a binary STL file and split them by finish."""
    count = int.from_bytes(data[80:84], "little")
    if len(data) != 84 + _STL.itemsize * count:
        raise DataError(f"{link}.stl is damaged: {len(data)} bytes for {count} triangles")
    corners = np.frombuffer(data[84:], _STL)["corners"].reshape(-1, 3)
    corners = corners * np.array(_SCALES.get(link, (1.0, 1.0, 1.0)), dtype=np.float32)
    vertices, index = np.unique(np.round(corners, 6), axis=0, return_inverse=True)
    faces = index.reshape(-1, 3).astype(np.int32)
    component = _components(len(vertices), faces)
    finishes = _FINISHES.get(link, {})
    names = np.array([finishes.get(int(c), "shell") for c in component])
    return [_compact(link, n, vertices, faces[names == n]) for n in np.unique(names)]


def _components(num_vertices: int, faces: Int32[np.ndarray, "f 3"]) -> Int32[np.ndarray, " f"]:
    """Connected component of each face."""
    rows = np.concatenate([faces[:, 0], faces[:, 1]])
    columns = np.concatenate([faces[:, 1], faces[:, 2]])
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(num_vertices,) * 2)
    _, labels = connected_components(graph, directed=False)
    return labels[faces[:, 0]].astype(np.int32)


def _compact(
    link: str,
    finish: str,
    vertices: Float32[np.ndarray, "v 3"],
    faces: Int32[np.ndarray, "f 3"],
) -> Shell:
    used, index = np.unique(faces, return_inverse=True)
    return Shell(link, finish, vertices[used], index.reshape(-1, 3).astype(np.int32))


def _simplify(part: Shell, fraction: float) -> Shell:
    """Decimate by quadric error; small parts keep at least 64 faces."""
    kept = min(len(part.faces), max(64, round(fraction * len(part.faces))))
    if kept == len(part.faces):
        return part
    simple = fast_simplification.simplify(part.vertices, part.faces, target_count=kept, agg=4.0)
    vertices, faces = simple[0].astype(np.float32), simple[1].astype(np.int32)
    return _compact(part.link, part.finish, vertices, faces)


def _write(path: Path, made: list[Shell]) -> None:
    """Whole or not at all: several processes may race."""
    arrays = {}
    for shell in made:
        arrays[f"{shell.link}/{shell.finish}/vertices"] = shell.vertices
        arrays[f"{shell.link}/{shell.finish}/faces"] = shell.faces
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomically(path, buffer.getvalue())


def _read(path: Path) -> tuple[Shell, ...]:
    read: list[Shell] = []
    try:
        stored = read_npz(path, 256 * MIB)
        for key in list(stored)[::2]:
            link, finish, _ = key.split("/")
            name = f"{link}/{finish}"
            pair = stored[f"{name}/vertices"], stored[f"{name}/faces"]
            read.append(Shell(link, finish, *pair))
    except (DataError, KeyError, OSError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); delete it and run again") from error
    return tuple(read)
