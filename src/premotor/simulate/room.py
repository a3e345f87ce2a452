"""The room: stone floor, wooden table, dark teal wall, and the light (docs/benchmark.md, Scene).

Textures are generated here, from fixed seeds; sizes and mean colors are the benchmark's.
"""

from functools import cache

import mujoco
import numpy as np

from premotor.simulate.modeling.textures import Image, add_texture, noise, shade, wood

TABLE_CENTER = (0.3, 0.0)  # [m]
TABLE_SIZE = (1.6, 1.1)  # [m]
TABLE_TOP = 0.75  # [m]
TABLE_THICKNESS = 0.04  # [m]
SLAB_DROP = 0.002  # [m] the slab is drawn this far below its textured top, lest the two flicker
WALL_X = -2.51  # [m] back wall
ROOM_HALF = 4.0  # [m]
WALL_HALF = 2.0  # [m] half height
TILE = 0.6  # [m] edge of a floor tile
HEXAGON_REPEATS = 5.5  # of the wall's texture over its height

STONE = (219, 213, 203)
TEAL = (8, 46, 52)


@cache
def stone(size: int = 256) -> Image:
    """One light stone tile with its joint."""
    gain = 1.0 + 0.018 * noise((size, size), (14.0, 14.0), 4)
    gain += 0.012 * noise((size, size), (1.0, 1.0), 5)
    joint = 2
    gain[:joint] = gain[-joint:] = 0.80
    gain[:, :joint] = gain[:, -joint:] = 0.80
    return shade(STONE, gain)


@cache
def hexagons(size: int = 256) -> Image:
    """Dark teal hexagonal tiles: regular where the image is drawn sqrt(3) times as wide as high."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    nearest = np.full((2, size, size), np.inf)  # squared distances to the two nearest centers
    for step in range(-1, 6):
        for other in range(-1, 6):
            if (step + other) % 2 == 0:  # centers stand as on the black fields of a chessboard
                x, y = np.sqrt(3.0) * (columns - other / 4), rows - step / 4
                candidate = np.stack([*nearest, x**2 + y**2])
                nearest = np.sort(candidate, axis=0)[:2]
    joint = np.sqrt(nearest[1]) - np.sqrt(nearest[0]) < 0.022
    gain = np.where(joint, 1.9, 1.0 + 0.05 * noise((size, size), (20.0, 20.0), 6))
    return shade(TEAL, gain)


def add_room(spec: mujoco.MjSpec) -> None:
    """Build the room around the origin; only the floor and the table top are solid."""
    _add_floor_and_walls(spec)
    _add_table(spec)
    _add_lights(spec)


def _add_floor_and_walls(spec: mujoco.MjSpec) -> None:
    tiles = 2 * ROOM_HALF / TILE
    add_texture(spec, "stone", stone(), (tiles, tiles), 0.1)
    add_texture(
        spec,
        "hexagons",
        hexagons(),
        (HEXAGON_REPEATS / np.sqrt(3.0) * ROOM_HALF / WALL_HALF, HEXAGON_REPEATS),
        0.3,
    )
    spec.add_material(name="plaster", rgba=[0.86, 0.85, 0.82, 1.0], specular=0.0, emission=0.35)
    plane = mujoco.mjtGeom.mjGEOM_PLANE
    world = spec.worldbody
    size = [ROOM_HALF, ROOM_HALF, 0.1]
    world.add_geom(name="floor", type=plane, size=size, material="stone", group=1)
    half = np.sqrt(0.5)
    walls = {
        "back_wall": ([WALL_X, 0.0, WALL_HALF], [0.5, 0.5, 0.5, 0.5], "hexagons"),
        "front_wall": ([ROOM_HALF, 0.0, WALL_HALF], [0.5, 0.5, -0.5, -0.5], "plaster"),
        "left_wall": ([0.0, ROOM_HALF, WALL_HALF], [half, half, 0.0, 0.0], "plaster"),
        "right_wall": ([0.0, -ROOM_HALF, WALL_HALF], [half, -half, 0.0, 0.0], "plaster"),
    }
    for name, (position, quaternion, material) in walls.items():
        world.add_geom(
            name=name,
            type=plane,
            size=[ROOM_HALF, WALL_HALF, 0.1],
            pos=position,
            quat=quaternion,
            material=material,
            contype=0,
            conaffinity=0,
            group=1,
        )


def _add_table(spec: mujoco.MjSpec) -> None:
    add_texture(spec, "table_wood", wood(), (1.0, 1.0), 0.15)
    spec.add_material(name="table_edge", rgba=[0.72, 0.56, 0.31, 1.0], specular=0.15)
    spec.add_material(name="table_leg", rgba=[0.20, 0.21, 0.23, 1.0], specular=0.4)
    table = spec.worldbody.add_body(name="table", pos=[*TABLE_CENTER, TABLE_TOP])
    box = mujoco.mjtGeom.mjGEOM_BOX
    half = [TABLE_SIZE[0] / 2, TABLE_SIZE[1] / 2, TABLE_THICKNESS / 2]
    table.add_geom(
        name="table",
        type=box,
        size=half,
        pos=[0.0, 0.0, -half[2]],
        friction=[0.5, 0.005, 0.0001],
        group=3,
    )
    table.add_geom(
        name="table_slab",
        type=box,
        size=half,
        pos=[0.0, 0.0, -half[2] - SLAB_DROP],
        material="table_edge",
        contype=0,
        conaffinity=0,
        group=1,
    )
    table.add_geom(
        name="table_surface",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[half[0], half[1], 0.1],
        material="table_wood",
        contype=0,
        conaffinity=0,
        group=1,
    )
    leg_height = (TABLE_TOP - TABLE_THICKNESS) / 2
    for x in (-half[0] + 0.06, half[0] - 0.06):
        for y in (-half[1] + 0.06, half[1] - 0.06):
            table.add_geom(
                type=box,
                size=[0.03, 0.03, leg_height],
                pos=[x, y, -TABLE_THICKNESS - leg_height],
                material="table_leg",
                contype=0,
                conaffinity=0,
                group=1,
            )


def _add_lights(spec: mujoco.MjSpec) -> None:
    """One lamp that casts shadows, one that fills; together below 1 on the table."""
    head = spec.visual.headlight
    head.ambient = [0.36, 0.36, 0.37]
    head.diffuse = [0.10, 0.10, 0.10]
    head.specular = [0.05, 0.05, 0.05]
    directional = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
    spec.worldbody.add_light(
        name="lamp",
        type=directional,
        pos=[0.9, 1.1, 3.0],
        dir=[-0.34, -0.46, -0.82],
        diffuse=[0.50, 0.49, 0.46],
        specular=[0.35, 0.35, 0.33],
        ambient=[0.0, 0.0, 0.0],
        castshadow=True,
    )
    spec.worldbody.add_light(
        name="fill",
        type=directional,
        pos=[0.5, -2.0, 2.5],
        dir=[-0.35, 0.62, -0.70],
        diffuse=[0.13, 0.14, 0.16],
        specular=[0.05, 0.05, 0.05],
        ambient=[0.0, 0.0, 0.0],
        castshadow=False,
    )
