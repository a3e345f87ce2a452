"""What training reads, changed behind its back; and places where it cannot be kept."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import make
from corpus.case import Case, Lab
from premotor.codec import to_yaml
from premotor.folders import CacheFolder
from premotor.presets import train_preset
from premotor.records import write_json
from premotor.store.cache import EpisodeCache
from premotor.store.layout import former_fingerprint
from premotor.store.reader import DemoSet

TRAIN = "train nano --data {data} --out {folder}/r --steps 2 --processes 1 --device cpu"
RESUME = "train nano --data {data} --out {folder}/r --resume"
NOT_RECORDED = "is not what was recorded; run the same `premotor collect` with --resume"
NOT_WRITTEN = "is not what was written; delete .* and run again"


def cache_of(lab: Lab) -> CacheFolder:
    """The cache of the lab's episodes, built and sound."""
    views = train_preset("nano").mirror.execute.views
    demos = DemoSet.open(lab.data)
    return CacheFolder(EpisodeCache.build_or_open(demos, (views.low, views.high)).folder)


def flip(path: Path, place: int = -1) -> None:
    """Change one byte, where the file lies."""
    with path.open("r+b") as file:
        data = bytearray(file.read())
        data[place] ^= 255
        file.seek(0)
        file.write(data)


def flip_unseen(path: Path) -> None:
    """Change one byte, and set the time of the change back."""
    before = path.stat()
    flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip_elsewhere(path: Path) -> None:
    """Put a file of the same length in its place."""
    other = path.with_name("other")
    shutil.copy2(path, other)
    flip(other)
    other.replace(path)


def recorded(name: str, file: str, change: Callable[[Path], None]) -> Case:
    """A file of an episode is changed once its cache is there."""

    def line(lab: Lab) -> str:
        cache_of(lab)
        change(lab.data / "train" / file)
        return TRAIN

    return Case(name, line, f"{Path(file).name} {NOT_RECORDED}")


def derived(name: str, change: Callable[[CacheFolder, Lab], None], words: str) -> Case:
    """A cache is changed."""

    def line(lab: Lab) -> str:
        change(cache_of(lab), lab)
        return TRAIN

    return Case(name, line, words)


def array(name: str, stem: str, change: Callable[[Path], None]) -> Case:
    """One array of a cache is changed."""
    return derived(name, lambda cache, _: change(cache.array(stem)), f"{stem}.npy {NOT_WRITTEN}")


def edited(path: Path, **changes: Any) -> None:
    """Other values in a file of JSON."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def told_of(cache: CacheFolder, file: dict[str, Any]) -> None:
    """One file more among the cache's arrays."""
    edited(cache.record, arrays=[*json.loads(cache.record.read_text())["arrays"], file])


def without_stamps(cache: CacheFolder, _lab: Lab) -> None:
    """An array is changed, and what was known of it is lost."""
    cache.stamps.write_text("[]")
    flip(cache.array("frames"))


def pickled(cache: CacheFolder, lab: Lab) -> None:
    """An array of things that run code when they are read."""

    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (lab.payload,)

    np.save(cache.array("offsets"), np.array([Payload()], dtype=object), allow_pickle=True)


def resumed(name: str, former: bool = False, **changes: Any) -> Case:
    """A run whose data set has other records now."""

    def line(lab: Lab) -> str:
        demos, run = DemoSet.open(lab.data), lab.folder / "r"
        print_ = former_fingerprint(demos.episodes) if former else demos.fingerprint()
        write_json(run / "manifest.json", make.manifest(data_fingerprint=print_))
        (run / "config.yaml").write_text(to_yaml(train_preset("nano")))
        change_record(lab, changes)
        return RESUME

    return Case(name, line, "was trained on other data than this: .*resume with the same --data")


def change_record(lab: Lab, changes: dict[str, Any]) -> None:
    """Other values in the record of episode 1."""
    path = lab.data / "train" / "episodes.jsonl"
    lines = path.read_text().splitlines()
    lines[1] = json.dumps(json.loads(lines[1]) | changes)
    path.write_text("\n".join(lines) + "\n")


def in_the_way(name: str, place: str, words: str) -> Case:
    """A file lies where a cache is to go."""

    def line(lab: Lab) -> str:
        (lab.folder / "file").write_text("mine")
        return f"{TRAIN} --cache-dir {place}"

    return Case(name, line, words)


def no_whole_cache(make_it: Callable[[Path], None], lab: Lab) -> str:
    """Something else has the cache's name."""
    folder = cache_of(lab).path
    shutil.rmtree(folder)
    make_it(folder)
    return TRAIN


def holding_a_file(folder: Path) -> None:
    """Half of something."""
    folder.mkdir()
    (folder / "frames.npy").touch()


def typed(name: str, line: str, words: str) -> Case:
    """Nothing is broken but what is typed."""
    return Case(name, lambda _: line, words)


VIDEO = "videos/observation.images.front/chunk-000/file-000.mp4"
ARRAYS: Sequence[str] = ("frames", "steps", "colors", "transition_quaternion")
CASES = [
    recorded("keyframes of the same length", "keyframes/episode_000002.parquet", flip),
    recorded("states of the same length", "states/episode_000003.parquet", flip),
    recorded("a video of the same length", VIDEO, flip),
    recorded("keyframes, and the time set back", "keyframes/episode_000000.parquet", flip_unseen),
    recorded("states in another file", "states/episode_000005.parquet", flip_elsewhere),
    *(array(f"a byte of {stem}.npy", stem, flip) for stem in ARRAYS),
    array("a position, and the time set back", "transition_position", flip_unseen),
    array("offsets in another file", "offsets", flip_elsewhere),
    array("an array that was cut off", "steps", lambda path: os.truncate(path, 1000)),
    array("an empty array", "transition_gripper_open", lambda path: os.truncate(path, 0)),
    array("an array that is gone", "colors", Path.unlink),
    derived("an array with code in it", pickled, f"offsets.npy {NOT_WRITTEN}"),
    derived(
        "a cache's record cut off",
        lambda cache, _: os.truncate(cache.record, 100),
        "cache.json: not JSON: .*; delete .* and run again",
    ),
    derived(
        "a cache's record of another type",
        lambda cache, _: edited(cache.record, arrays="all"),
        "arrays: expected list, got str .*; delete .* and run again",
    ),
    derived(
        "a cache's record without arrays",
        lambda cache, _: edited(cache.record, arrays=[]),
        "is damaged: .*; delete it and run again",
    ),
    derived(
        "a cache's record that points elsewhere",
        lambda cache, _: told_of(
            cache, {"path": "../../../outside.npy", "num_bytes": 1, "sha256": "0"}
        ),
        r"path of a file must be a relative path that stays in its folder, got .*outside\.npy",
    ),
    derived(
        "an array and the stamps",
        without_stamps,
        f"frames.npy {NOT_WRITTEN}",
    ),
    resumed("other texts under a run", instructions=["fly to the moon", "press it"]),
    resumed("texts in another order under a run", instructions=["press it", "push the button"]),
    resumed("a paraphrase less under a run", instructions=["push the button number 1"]),
    resumed("another task under a run", task="turn_tap"),
    resumed("other keyframes under a run", keyframe_steps=[4, 8, 13]),
    resumed("another variation under a run of 0.1.0", former=True, variation=2),
    in_the_way("a cache folder that is a file", "{folder}/file", "cannot be written in .*file"),
    in_the_way(
        "a cache folder below a file", "{folder}/file/x", "name a folder for it with --cach"
    ),
    Case(
        "a file named as the cache",
        partial(no_whole_cache, Path.touch),
        "is in the way and is no whole cache .*; delete it and run again",
    ),
    Case(
        "half a cache",
        partial(no_whole_cache, holding_a_file),
        "is in the way and is no whole cache .*; delete it and run again",
    ),
    typed("caches of no data set", "cache --data {folder}/none", "no data set at .*none; name a f"),
    typed("all caches of everything", "cache --prune --all", "give it with --prune and the data"),
    typed("all caches, not removed", "cache --all --data {data}", "give it with --prune"),
]
