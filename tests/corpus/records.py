"""Records, lists of records, work lists and caches of a data set that cannot be meant."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from corpus import damage
from corpus.data import (
    ABLATE,
    COLLECT,
    DOCTOR,
    EVALUATE,
    KEYS,
    LOOK,
    MADE,
    MEND,
    NAN,
    PROBE,
    Damage,
    case,
)
from premotor.folders import SplitFolder
from premotor.store.cache import EpisodeCache
from premotor.store.reader import DemoSet

WRONG = r"episode 1: not its record: .*episodes\.jsonl:2: EpisodeInfo\."
NAMED = r"episode 1: not its record: .*episodes\.jsonl:2: EpisodeInfo: task must be a name"
OUTSIDE = WRONG + r"files\[.\]: path of a file must be a relative path that stays in its folder"
CHANGED = r"cache/.*\.npy is not what was written; delete .* and run again"


def record(**changes: Any) -> Damage:
    """Other fields in an episode's record."""
    return lambda data: damage.record(data, lambda line: line.update(changes))


def val_record(**changes: Any) -> Damage:
    return lambda data: damage.record(data, lambda line: line.update(changes), "val")


def told(**changes: Any) -> Damage:
    return lambda data: damage.told(data, **changes)


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


CASES = [
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
    case(
        "a task that nobody can act in",
        val_record(task="push_button"),
        "unknown task 'push_button'; did you mean 'push_buttons'",
        EVALUATE.replace("--episodes 0", "--episodes 1"),
    ),
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
