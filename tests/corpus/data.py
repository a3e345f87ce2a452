"""Data sets whose hashes fit and whose contents cannot be meant."""

import io
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from corpus import damage
from corpus.case import Case, Lab
from corpus.damage import cell, column
from premotor.folders import SplitFolder
from premotor.store import video

Damage = Callable[[Path], object]
NAN, INF = math.nan, math.inf
TRAIN = "train nano --data {data} --out {folder}/r --steps 1 --processes 1 --device cpu"
DOCTOR = "doctor {data}"
LOOK = "look {run} --data {data} --split train --episode 1 --out {folder}/look.png"
EVALUATE = "evaluate {run} --data {data} --episodes 0 --split val --device cpu --workers 1"
PROBE = "probe {run} {run} --data {data} --split val --out {folder}/p --device cpu --workers 1"
ABLATE = "ablate --data {data} --out {folder}/a --preset nano --steps 1 --device cpu --workers 1"
COLLECT = "collect push_buttons --episodes 6 --out {data} --resume --workers 1"
RGB, DEPTH = "observation.camera.front.rgb", "observation.camera.wrist.depth"
LENS, PLACE = "observation.camera.front.intrinsics", "observation.camera.left_shoulder.extrinsics"


def case(name: str, change: Damage, words: str, line: str = TRAIN) -> Case:
    """A data set changed in one way, and the command that meets it."""

    def made(lab: Lab) -> str:
        for cache in lab.data.glob("*/cache"):  # another test may have trained
            shutil.rmtree(cache)
        change(lab.data)
        return line

    return Case(f"{line.split()[0]}: {name}", made, words)


def keyframes(change: damage.Table, split: str = "train") -> Damage:
    return lambda data: damage.keyframes(data, change, split)


def states(change: damage.Table, split: str = "train") -> Damage:
    return lambda data: damage.states(data, change, split)


def film(change: Callable[[bytes], bytes], split: str = "train") -> Damage:
    return lambda data: damage.video(data, change, split)


def image(name: str, content: bytes | None) -> Damage:
    """Another PNG in the second row of a camera's column."""
    return keyframes(cell(name, 1, None, {"bytes": content, "path": None}))


def content(which: Callable[[SplitFolder, int], Path], made: Callable[[bytes], bytes]) -> Damage:
    """Other bytes in one of the episode's files."""

    def change(data: Path) -> None:
        path = which(SplitFolder(data / "train"), damage.EPISODE)
        damage.replaced(data, path, made(path.read_bytes()))

    return change


def pixels(count: int, height: int, width: int) -> bytes:
    return video.encode(np.zeros((count, height, width, 3), np.uint8), 20)


def bomb(_: bytes) -> bytes:
    """A small Parquet file that unpacks to a great deal."""
    buffer = io.BytesIO()
    table = pa.table({name: pa.array(np.zeros(4_000_000)) for name in ("time", "state")})
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def without(name: str) -> damage.Table:
    return lambda table: table.drop_columns([name])


def many(values: list[Any], kind: pa.DataType) -> pa.Array:
    return pa.array(values, kind)


def gone(data: Path) -> None:
    SplitFolder(data / "train").states(damage.EPISODE).unlink()


HERE = r"episode 1 .*"
KEYS = HERE + r"keyframes/episode_000001\.parquet cannot be read: "
ROWS = HERE + r"states/episode_000001\.parquet cannot be read: "
MADE = HERE + r"its record in .*episodes\.jsonl: "
FILM = HERE + r"file-001\.mp4 cannot be read: "
MEND = r".*; run the same `premotor collect` with --resume .*--skip-bad"
NEVER = [0.0] * 16

CASES = [
    # Actions and steps
    case(
        "an action that is NaN",
        keyframes(cell("action", 1, 0, NAN)),
        KEYS + "row 1, number 0 of column 'action' is nan; expected -10 to 10" + MEND,
    ),
    case(
        "an action of 1e30 m",
        keyframes(cell("action", 2, 2, 1e30)),
        KEYS + r"row 2, number 2 of column 'action' is 1e\+30" + MEND,
        DOCTOR,
    ),
    case(
        "an infinite action",
        keyframes(cell("action", 1, 1, -INF)),
        KEYS + "row 1, number 1 of column 'action' is -inf",
        LOOK,
    ),
    case(
        "a quaternion of zeros",
        keyframes(cell("action", 1, None, [0.65] * 3 + [0.0] * 4 + [1.0, 0.0])),
        KEYS
        + r"row 1 of column 'action' has the quaternion \(xyzw\) \[0. 0. 0. 0.\] of length 0"
        + MEND,
    ),
    case(
        "a quaternion of length 2",
        keyframes(cell("action", 3, 6, 2.0)),
        KEYS + "row 3 of column 'action' has the quaternion",
        DOCTOR,
    ),
    case(
        "a gripper half open",
        keyframes(cell("action", 1, 7, 0.4)),
        KEYS + "row 1 of column 'action' has the flag 0.4",
    ),
    case(
        "an action that is null",
        keyframes(cell("action", 1, None, None)),
        KEYS + "row 1 of column 'action' is null",
        DOCTOR,
    ),
    case(
        "a number of an action that is null",
        keyframes(cell("action", 1, 4, None)),
        KEYS + "row 1 of column 'action' holds null",
    ),
    case(
        "an action that its row does not hold",
        keyframes(cell("action", 2, 0, 0.9)),
        KEYS + "row 2, number 0 of column 'action' is 0.9; the states' row 9 says 0.6",
    ),
    case(
        "a flipped flag",
        keyframes(lambda t: cell("action", 1, 8, 1.0 - t["action"][1].as_py()[8])(t)),
        KEYS + "row 1, number 8 of column 'action'",
        DOCTOR,
    ),
    case(
        "actions of eight numbers",
        keyframes(lambda t: column("action", many([[0.5] * 8] * 4, pa.list_(pa.float64(), 8)))(t)),
        KEYS + r"column 'action' is fixed_size_list<.*>\[8\], expected",
    ),
    case(
        "actions of text",
        keyframes(column("action", many(["go"] * 4, pa.string()))),
        KEYS + "column 'action' is string",
        DOCTOR,
    ),
    case(
        "actions in float32",
        keyframes(lambda t: column("action", t["action"].cast(pa.list_(pa.float32(), 9)))(t)),
        KEYS + "column 'action' is fixed_size_list<.*float",
    ),
    case(
        "no actions",
        keyframes(without("action")),
        KEYS + "there are 0 columns 'action', expected one",
    ),
    case(
        "steps that go back",
        keyframes(cell("step", 2, None, 3)),
        KEYS + r"column 'step' is \[0, 4, 3, 13\]; expected \[0, 4, 9, 13\]",
    ),
    case(
        "a step that is null",
        keyframes(cell("step", 1, None, None)),
        KEYS + "row 1 of column 'step' is null",
        DOCTOR,
    ),
    case(
        "keyframes numbered from 1",
        keyframes(column("keyframe_index", many([0, 1, 2, 3], pa.int64()))),
        KEYS + "column 'keyframe_index'",
    ),
    case(
        "too few keyframes",
        keyframes(lambda t: t.slice(0, 3)),
        KEYS + "the table has 3 rows, expected 4",
    ),
    case(
        "too many keyframes",
        keyframes(lambda t: pa.concat_tables([t, t])),
        KEYS + "the table has 8 rows, expected 4",
        DOCTOR,
    ),
    case("no rows at all", keyframes(lambda t: t.slice(0, 0)), KEYS + "the table has 0 rows", LOOK),
    case(
        "a proprioception of 3",
        keyframes(cell("proprioception", 0, 1, 3.0)),
        KEYS + "row 0, number 1 of column 'proprioception' is 3",
    ),
    case(
        "a proprioception that its row does not hold",
        keyframes(cell("proprioception", 1, 1, 0.5)),
        KEYS + "row 1, number 1 of column 'proprioception' is 0.5; the states' row 4",
        DOCTOR,
    ),
    # Rows
    case(
        "a pose that is NaN",
        states(cell("end_effector", 5, 1, NAN)),
        ROWS + "row 5, number 1 of column 'end_effector' is nan" + MEND,
    ),
    case(
        "a finger that is NaN",
        states(cell("finger_positions", 0, 0, NAN)),
        ROWS + "row 0, number 0 of column 'finger_positions' is nan",
        DOCTOR,
    ),
    case(
        "a finger a meter out",
        states(cell("finger_positions", 3, 1, 1.0)),
        ROWS + "row 3, number 1 of column 'finger_positions' is 1; expected -0.2 to 0.2",
    ),
    case(
        "a turned pose without length",
        states(cell("end_effector", 2, None, [0.6] * 3 + [0.0] * 4)),
        ROWS + "row 2 of column 'end_effector' has the quaternion",
        DOCTOR,
    ),
    case(
        "joints at 1e30",
        states(cell("joint_positions", 0, 6, 1e30)),
        ROWS + "row 0, number 6 of column 'joint_positions'",
    ),
    case(
        "velocities that are infinite",
        states(cell("joint_velocities", 0, 0, INF)),
        ROWS + "row 0, number 0 of column 'joint_velocities' is inf",
        DOCTOR,
    ),
    case(
        "time that goes back", states(cell("time", 3, None, 0.0)), ROWS + "row 3 of column 'time'"
    ),
    case(
        "time that is null",
        states(cell("time", 3, None, None)),
        ROWS + "row 3 of column 'time' is null",
        DOCTOR,
    ),
    case(
        "a gripper that is null",
        states(cell("gripper_open", 3, None, None)),
        ROWS + "row 3 of column 'gripper_open' is null",
    ),
    case(
        "a gripper in words",
        states(column("gripper_open", many(["open"] * 14, pa.string()))),
        ROWS + "column 'gripper_open' is string, expected bool",
        DOCTOR,
    ),
    case(
        "a state that is NaN",
        states(cell("state", 1, 4, NAN)),
        ROWS + "row 1, number 4 of column 'state' is nan",
    ),
    case(
        "rows left out",
        states(lambda t: t.slice(0, 9)),
        ROWS + "the table has 9 rows, expected 14",
        DOCTOR,
    ),
    case(
        "states of one number",
        states(column("state", many([1.0] * 14, pa.float64()))),
        ROWS + "column 'state' is double, expected fixed_size_list<double>",
    ),
    case(
        "a pose of a held-out episode that is NaN",
        states(cell("end_effector", 5, 1, NAN), "val"),
        ROWS + "row 5, number 1",
        EVALUATE,
    ),
    # Cameras and images
    case(
        "a lens that is NaN",
        keyframes(cell(LENS, 1, 0, NAN)),
        KEYS + f"row 1, number 0 of column '{LENS}' is nan",
    ),
    case(
        "a focal length of 0",
        keyframes(cell(LENS, 1, 0, 0.0)),
        KEYS + f"row 1 of column '{LENS}' is .*expected focal lengths",
        DOCTOR,
    ),
    case(
        "a negative focal length",
        keyframes(cell(LENS, 0, 4, -40.0)),
        KEYS + f"row 0 of column '{LENS}'",
    ),
    case(
        "a lens whose last line is off",
        keyframes(cell(LENS, 2, 8, 2.0)),
        KEYS + f"row 2 of column '{LENS}'",
        DOCTOR,
    ),
    case(
        "an axis far outside the image",
        keyframes(cell(LENS, 2, 2, 5000.0)),
        KEYS + f"row 2 of column '{LENS}'",
    ),
    case(
        "a camera that is nowhere",
        keyframes(cell(PLACE, 1, 3, NAN)),
        KEYS + f"row 1, number 3 of column '{PLACE}' is nan",
        LOOK,
    ),
    case(
        "a camera that is mirrored",
        keyframes(cell(PLACE, 1, 0, -1.0)),
        KEYS + f"row 1 of column '{PLACE}' is .*expected a rigid transform",
    ),
    case(
        "a camera that scales",
        keyframes(cell(PLACE, 1, 0, 2.0)),
        KEYS + f"row 1 of column '{PLACE}'",
        DOCTOR,
    ),
    case(
        "a camera of zeros",
        keyframes(cell(PLACE, 3, None, NEVER)),
        KEYS + f"row 3 of column '{PLACE}'",
    ),
    case(
        "depth of 8 bits",
        image(DEPTH, damage.png(32, 32, 8, 0, b"\1" * 33 * 32)),
        KEYS + f"row 1 of column '{DEPTH}': a PNG of 8-bit gray came; expected 16-bit gray",
    ),
    case(
        "depth that is 0",
        image(DEPTH, damage.png(32, 32, 16, 0, bytes(65 * 32))),
        KEYS + f"row 1 of column '{DEPTH}': 100% of the depth image is 0 m",
        DOCTOR,
    ),
    case(
        "depth of another size",
        image(DEPTH, damage.png(16, 16, 16, 0, bytes(33 * 16))),
        KEYS + f"row 1 of column '{DEPTH}': a PNG of 16 x 16 px came; expected 32 x 32",
    ),
    case(
        "colors in gray",
        image(RGB, damage.png(32, 32, 8, 0, bytes(33 * 32))),
        KEYS + f"row 1 of column '{RGB}': a PNG of 8-bit gray came; expected 8-bit RGB",
    ),
    case(
        "colors with alpha",
        image(RGB, damage.png(32, 32, 8, 6, bytes(129 * 32))),
        KEYS + ".*a PNG of 8-bit RGB with alpha came",
        DOCTOR,
    ),
    case(
        "colors by palette",
        image(RGB, damage.png(32, 32, 8, 3, bytes(33 * 32))),
        KEYS + ".*a PNG of 8-bit palette came",
    ),
    case(
        "colors of 16 bits",
        image(RGB, damage.png(32, 32, 16, 2, bytes(193 * 32))),
        KEYS + ".*a PNG of 16-bit RGB came",
        DOCTOR,
    ),
    case(
        "colors of another size",
        image(RGB, damage.png(64, 64, 8, 2, bytes(193 * 64))),
        KEYS + ".*a PNG of 64 x 64 px came; expected 32 x 32",
    ),
    case(
        "a PNG of 100,000 px",
        image(RGB, damage.png(100_000, 100_000, 8, 2)),
        KEYS + ".*a PNG of 100000 x 100000 px came; expected 32 x 32",
    ),
    case(
        "a depth PNG of 2^31 px",
        image(DEPTH, damage.png(2**31 - 1, 1, 16, 0)),
        KEYS + ".*a PNG of 1 x 2147483647 px came",
        DOCTOR,
    ),
    case(
        "a PNG without pixels",
        image(RGB, damage.png(32, 32, 8, 2)),
        KEYS + f"row 1 of column '{RGB}': a PNG that cannot be decoded came",
    ),
    case(
        "a PNG cut off",
        image(RGB, damage.png(32, 32, 8, 2, bytes(97 * 32))[:40]),
        KEYS + ".*a PNG that cannot be decoded came",
        DOCTOR,
    ),
    case(
        "a JPEG in its place",
        image(RGB, b"\xff\xd8\xff\xe0JFIF" * 9),
        KEYS + ".*bytes that are no PNG came",
    ),
    case(
        "an empty image",
        image(RGB, b""),
        KEYS + f"row 1 of column '{RGB}'.* is null; expected a PNG",
    ),
    case(
        "an image that is null",
        image(DEPTH, None),
        KEYS + f"row 1 of column '{DEPTH}'.* is null",
        DOCTOR,
    ),
    case(
        "images as text",
        keyframes(column(RGB, many(["a.png"] * 4, pa.string()))),
        KEYS + f"column '{RGB}' is string",
    ),
    case("a camera left out", keyframes(without(RGB)), KEYS + f"there are 0 columns '{RGB}'", LOOK),
    # Videos
    case(
        "a video of too few frames",
        film(lambda _: pixels(9, 32, 32)),
        FILM + "a video of 9 frames of 32 x 32 px came; expected 14 of 32 x 32" + MEND,
    ),
    case(
        "a video of too many frames",
        film(lambda _: pixels(20, 32, 32)),
        FILM + "a video of 20 frames",
        DOCTOR,
    ),
    case(
        "a video of another size",
        film(lambda _: pixels(14, 64, 48)),
        FILM + "a video of 14 frames of 64 x 48 px came",
    ),
    case(
        "a video of 2048 px",
        film(lambda _: pixels(2, 2048, 2048)),
        FILM + "a video of 2 frames of 2048 x 2048 px came",
        DOCTOR,
    ),
    case("a video cut off", film(lambda data: data[:-300]), FILM),
    case("a video without pictures", film(lambda data: data[: len(data) // 3]), FILM, DOCTOR),
    case("no video", film(lambda _: b"a film, it says"), FILM + "not a video"),
    case(
        "an empty video",
        film(lambda _: b""),
        MADE + r"videos/.* is to have 0 bytes; expected 1 to",
        DOCTOR,
    ),
    case(
        "a held-out video of another size",
        film(lambda _: pixels(14, 64, 48), "val"),
        FILM,
        EVALUATE,
    ),
    # Tables that are none, or too large
    case(
        "a table of noise",
        content(SplitFolder.keyframes, lambda _: b"PAR1" + bytes(99) + b"PAR1"),
        KEYS,
    ),
    case("a table cut off", content(SplitFolder.states, lambda data: data[:-9]), ROWS, DOCTOR),
    case("a table of four million rows", content(SplitFolder.states, bomb), ROWS),
    case(
        "a table where a PNG was",
        content(SplitFolder.keyframes, lambda _: damage.png(4, 4, 8, 2)),
        KEYS,
        DOCTOR,
    ),
    case("a file that went", gone, HERE + r"states/episode_000001\.parquet is missing" + MEND),
]
