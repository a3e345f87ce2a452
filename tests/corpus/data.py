"""Data sets whose hashes fit and whose contents cannot be meant."""

import io
import json
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


def record(**changes: Any) -> Damage:
    """Other fields in an episode's record."""
    return lambda data: damage.record(data, lambda line: line.update(changes))


def val_record(**changes: Any) -> Damage:
    return lambda data: damage.record(data, lambda line: line.update(changes), "val")


def told(**changes: Any) -> Damage:
    return lambda data: damage.told(data, **changes)


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


def line(change: Callable[[list[str]], list[str]]) -> Damage:
    """Other lines of records."""

    def made(data: Path) -> None:
        path = SplitFolder(data / "train").records
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    return made


def plan(text: str | None) -> Damage:
    """Another work list, or none."""

    def made(data: Path) -> None:
        path = SplitFolder(data / "train").plan
        if text is not None:
            path.write_text(text)

    return made


def cached(name: str, change: Callable[[np.ndarray], np.ndarray] | None) -> Damage:
    """A cache as a training makes it, and another array in it."""

    def made(data: Path) -> None:
        from premotor.store.cache import EpisodeCache
        from premotor.store.reader import DemoSet

        path = EpisodeCache.build_or_open(DemoSet.open(data)).folder / f"{name}.npy"
        if change is not None:
            array = change(np.load(path))
            path.unlink()
            np.save(path, array)

    return made


def resized(data: Path) -> None:
    """A set that says its images are larger than those of its cache."""
    cached("frames", None)(data)
    damage.told(data, features={"observation.images.front": {"shape": [64, 64, 3]}})


def renumbered(old: int, new: int) -> Callable[[list[str]], list[str]]:
    def change(lines: list[str]) -> list[str]:
        rows = [json.loads(text) for text in lines]
        rows[old]["index"] = new
        return [json.dumps(row) + "\n" for row in rows]

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
FILM = HERE + r"file-001\.mp4 cannot be read: "
MADE = HERE + r"its record in .*episodes\.jsonl: "
WRONG = r"episode 1: not its record: .*episodes\.jsonl:2: EpisodeInfo\."
MEND = r".*; run the same `premotor collect` with --resume .*--skip-bad"
NAMED = r"episode 1: not its record: .*episodes\.jsonl:2: EpisodeInfo: task must be a name"
OUTSIDE = WRONG + r"files\[.\]: path of a file must be a relative path that stays in its folder"
CHANGED = r"cache/.*\.npy is not what was written; delete .* and run again"
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
    # Records
    case("no task", record(task=None), WRONG + "task: expected str, got null"),
    case(
        "a task that is a path",
        record(task="../jar"),
        NAMED + ".*got '../jar'",
        DOCTOR,
    ),
    case("a task without a name", record(task=""), NAMED + ".*got ''"),
    case(
        "a variation that the task has not",
        record(variation=50),
        MADE + "variation is 50; push_buttons has 0 to 49" + MEND,
    ),
    case(
        "a negative variation",
        record(variation=-1),
        MADE + "index, variation and seed are 1, -1, 1",
        DOCTOR,
    ),
    case(
        "a variation in words", record(variation="red"), WRONG + "variation: expected int, got str"
    ),
    case(
        "a negative seed", record(seed=-5), MADE + "index, variation and seed are 1, 1, -5", DOCTOR
    ),
    case(
        "a text where a list of texts was",
        record(instructions="push it"),
        WRONG + "instructions: expected list, got str",
    ),
    case("no texts", record(instructions=[]), MADE + "there are no instructions"),
    case(
        "an empty text",
        record(instructions=["press it", ""]),
        MADE + "an instruction is ''; expected printable text",
        DOCTOR,
    ),
    case("a text of blanks", record(instructions=["  "]), MADE + "an instruction is '  '"),
    case(
        "a text that is a number",
        record(instructions=[7]),
        WRONG + r"instructions\[0\]: expected str, got int",
    ),
    case(
        "a text with control characters",
        record(instructions=["push\u0000 it"]),
        MADE + "an instruction is 'push.x00 it'",
        DOCTOR,
    ),
    case("half a character", record(instructions=["push \ud800"]), MADE + "an instruction is "),
    case(
        "a text of a megabyte",
        record(instructions=["push " * 200_000]),
        MADE + ".*expected printable text of 1 to 1000",
    ),
    case("no keyframes in the record", record(keyframe_steps=[]), MADE + "keyframe_steps is empty"),
    case(
        "keyframes that go back",
        record(keyframe_steps=[9, 4, 13]),
        MADE + "keyframe_steps has 4 after 9; expected rows in rising order",
        DOCTOR,
    ),
    case(
        "a keyframe twice", record(keyframe_steps=[4, 4, 13]), MADE + "keyframe_steps has 4 after 4"
    ),
    case(
        "a keyframe beyond the rows",
        record(keyframe_steps=[4, 9, 14]),
        MADE + "keyframe_steps has 14 after 9.* from 1 to 13",
    ),
    case(
        "a negative keyframe",
        record(keyframe_steps=[-4, 9, 13]),
        MADE + "keyframe_steps has -4",
        DOCTOR,
    ),
    case(
        "a keyframe that is null",
        record(keyframe_steps=[4, None, 13]),
        WRONG + r"keyframe_steps\[1\]: expected int, got null",
    ),
    case(
        "a keyframe that is NaN",
        record(keyframe_steps=[4, NAN, 13]),
        WRONG + r"keyframe_steps\[1\]: expected int, got float",
        DOCTOR,
    ),
    case(
        "other keyframes than the table's",
        record(keyframe_steps=[4, 10, 13]),
        KEYS + "column 'step'",
    ),
    case(
        "a trillion rows",
        record(num_rows=10**12),
        MADE + "num_rows is 1000000000000; expected 2 to 100000",
    ),
    case("no rows in the record", record(num_rows=0), MADE + "num_rows is 0", DOCTOR),
    case(
        "rows that the table has not",
        record(num_rows=15),
        "(total_frames is 84, the records have 85 rows|states/episode_000001)",
    ),
    case(
        "colors that are NaN",
        record(color={n: [NAN] * 3 for n in ("mean", "square", "low", "high")}),
        MADE + "color is ",
    ),
    case(
        "colors of nothing",
        record(color={n: [] for n in ("mean", "square", "low", "high")}),
        MADE + "color is ",
        DOCTOR,
    ),
    case("no files", record(files=[]), MADE + r"its files are \[\]; expected"),
    case(
        "files of elsewhere",
        lambda data: damage.record(data, lambda r: r["files"][0].update(path="../../secret")),
        OUTSIDE,
        DOCTOR,
    ),
    case(
        "an absolute file",
        lambda data: damage.record(data, lambda r: r["files"][1].update(path="/etc/passwd")),
        OUTSIDE,
    ),
    case(
        "a file of a terabyte",
        lambda data: damage.record(data, lambda r: r["files"][0].update(num_bytes=10**12)),
        MADE + ".* is to have 1000000000000 bytes",
        DOCTOR,
    ),
    case(
        "texts of a held-out episode that are empty",
        val_record(instructions=[""]),
        MADE + "an instruction is ''",
        EVALUATE,
    ),
    case("a task that is null, of episodes to fit on", record(task=None), WRONG + "task", PROBE),
    # Lists of records, and what the set says of itself
    case(
        "an episode twice",
        line(lambda lines: [*lines[:5], lines[1]]),
        "episode 1: 2 records are of it" + MEND,
    ),
    case("a number twice", line(renumbered(2, 1)), "episode 1: 2 records are of it", DOCTOR),
    case("a number left out", line(renumbered(2, 9)), "episode 2: its record is missing"),
    case(
        "a record too many",
        line(lambda lines: [*lines, lines[1]]),
        "has 7 records, meta/info.json says 6",
        DOCTOR,
    ),
    case(
        "a record cut in two",
        line(lambda lines: [lines[0], lines[1][:90] + "\n", *lines[2:]]),
        "episode 1: not its record: .*not JSON",
    ),
    case("more episodes than files", told(total_episodes=7), "episode 6: its record is missing"),
    case(
        "fewer episodes than files",
        told(total_episodes=5),
        "has 6 records, meta/info.json says 5",
        ABLATE,
    ),
    case(
        "no episodes",
        told(total_episodes=0),
        "info.json: .*total_episodes is 0; expected at least 1",
        DOCTOR,
    ),
    case("episodes without end", told(total_episodes=10**15), "total_episodes is 1000000000000000"),
    case(
        "episodes that are null",
        told(total_episodes=None),
        "total_episodes: expected int, got null",
        ABLATE,
    ),
    case(
        "other rows altogether", told(total_frames=3), "total_frames is 3, the records have 84 rows"
    ),
    case(
        "30 rows per second", told(fps=30), "version and rows per second are 'v3.0' and 30", DOCTOR
    ),
    case(
        "another version of LeRobot",
        told(codebase_version="v2.1"),
        "version and rows per second are 'v2.1' and 20",
        ABLATE,
    ),
    case(
        "no features",
        told(features={}),
        r"observation\.images\.front has shape \(\); expected height",
    ),
    case(
        "images of a million px",
        told(features={"observation.images.front": {"shape": [10**6, 10**6, 3]}}),
        r"has shape \(1000000, 1000000, 3\)",
        LOOK,
    ),
    case(
        "images of another size than said",
        told(features={"observation.images.front": {"shape": [64, 64, 3]}}),
        r"cannot be read: .* 32 x 32 px came; expected 64 x 64",
    ),
    case(
        "a description that is a list",
        lambda data: (data / "train/meta/info.json").write_text("[]"),
        "info.json: LeRobotInfo: expected",
        DOCTOR,
    ),
    case(
        "images of another size than the cache's",
        resized,
        r"is damaged: frames is uint8 \(6, 32, 32, 32, 3\); expected uint8 \(6, 32, 64, 64, 3\)",
    ),
    case(
        "files of another episode",
        lambda data: damage.record(
            data, lambda r: r["files"].append({**r["files"][0], "path": "a"})
        ),
        MADE + r"its files are .*; expected .*, each once",
    ),
    # Work lists
    case(
        "no work list",
        plan(None),
        "is not a data set .no worklist.json in it.; choose another place",
        COLLECT,
    ),
    case(
        "a work list that is not JSON", plan("{"), "is no data set to resume: .*not JSON", COLLECT
    ),
    case(
        "a work list of no task",
        plan('{"tasks": null, "episodes": 6, "seed": 0, "split": "train"}'),
        "tasks: expected list, got null",
        COLLECT,
    ),
    case(
        "a work list of another task",
        plan('{"tasks": ["open_drawer"], "episodes": 6, "seed": 0, "split": "train"}'),
        "holds 6 episodes each of open_drawer .*asked for 6 episodes each of push_buttons",
        COLLECT,
    ),
    case(
        "a work list of another seed",
        plan('{"tasks": ["push_buttons"], "episodes": 6, "seed": 3, "split": "train"}'),
        "resume with the same tasks, seed",
        COLLECT,
    ),
    # Arrays of the cache
    case(
        "cached positions that are NaN",
        cached("transition_position", lambda a: a * np.float32(NAN)),
        CHANGED,
    ),
    case(
        "cached quaternions of zeros",
        cached("transition_quaternion", np.zeros_like),
        CHANGED,
    ),
    case(
        "cached frames of fewer episodes",
        cached("frames", lambda a: a[:3]),
        CHANGED,
    ),
    case("cached points cut off", cached("steps", lambda a: a[:-5]), CHANGED),
    case(
        "cached offsets that go back",
        cached("offsets", lambda a: a[::-1].copy()),
        CHANGED,
    ),
    case(
        "cached episodes beyond the set",
        cached("transition_episode", lambda a: a + 4),
        CHANGED,
    ),
    case(
        "cached numbers of another type",
        cached("colors", lambda a: a.astype(np.float64)),
        CHANGED,
    ),
    case(
        "a cached array of objects",
        cached("transition_gripper_open", lambda a: a.astype(object)),
        CHANGED,
    ),
]
