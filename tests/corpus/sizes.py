"""Arrays, configurations, records and pictures that promise too much, or lead elsewhere."""

import json
import os
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import make
from corpus import crafted
from corpus.case import Case, Lab
from corpus.options import typed
from premotor.folders import SplitFolder

UNREADABLE = "cannot be read as an .npz of plain arrays: "
SMALL = 12 * 3 * 8  # [bytes] of twelve rows


def of_npz(name: str, make: Callable[[Path], object], words: str) -> Case:
    """A crafted side of `premotor align`; the other is sound."""

    def line(lab: Lab) -> str:
        make(lab.folder / "u.npz")
        np.savez(lab.folder / "e.npz", features=crafted.rows())
        return "align {folder}/u.npz {folder}/e.npz --out {folder}/study.json"

    return Case(name, line, words)


def _entry(data: bytes, **more: bytes) -> Callable[[Path], object]:
    return lambda path: crafted.npz(path, data, **more)


def _header(shape: object, dtype: str = "<f8", numbers: int = SMALL) -> Callable[[Path], object]:
    return _entry(crafted.npy(shape, dtype, bytes(numbers)))


def _objects(path: Path) -> None:
    np.savez(path, features=np.array([Path("x"), None], dtype=object))


def _twice(path: Path) -> None:
    np.savez(path, features=crafted.rows())
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as file:
        warnings.simplefilter("ignore")
        file.writestr("features.npy", crafted.npy((12, 3), "<f8", bytes(SMALL)))


def _encrypted(path: Path) -> None:
    np.savez(path, features=crafted.rows())
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    path.write_bytes(data)


def _damaged(path: Path) -> None:
    np.savez_compressed(path, features=crafted.rows(200))
    data = bytearray(path.read_bytes())
    data[300:340] = bytes(40)
    path.write_bytes(data)


ARRAYS = [
    of_npz(
        "an array of 80 GB in a header", _header((10**7, 1000)), "promises float64 .*80,000,000"
    ),
    of_npz("an array larger than any number", _header((10**30, 3)), "promises|damaged"),
    of_npz("an entry of 80 GB in a type", _header((12,), "|V7000000000"), "promises|damaged"),
    of_npz("less than it promises", _header((12, 3), numbers=9), "promises float64"),
    of_npz("more than it promises", _header((1, 3)), "promises float64"),
    of_npz("a shape below zero", _header((-12, -3)), "has the shape"),
    of_npz("a shape of truths", _header((True, True), numbers=8), "has the shape|damaged"),
    of_npz("a shape of texts", _header(("a", 3)), "damaged"),
    of_npz("objects in a header", _header((12, 3), "|O"), "Python objects"),
    of_npz("objects that would be unpickled", _objects, "Python objects"),
    of_npz("a type that is none", _header((12, 3), "<x9"), "damaged"),
    of_npz("a header nested deeply", _header("(" * 3000 + "1" + ",)" * 3000), "damaged"),
    of_npz("a format of the future", _entry(b"\x93NUMPY\x09\x00" + bytes(99)), "is of format"),
    of_npz("no array in an entry", _entry(b"hello"), "damaged"),
    of_npz("an empty entry", _entry(b""), "damaged"),
    of_npz(
        "features that unpack to a thousand times their size",
        lambda p: crafted.zeros(p, 192 << 20, "features.npy", crafted.npy((192, 131072))),
        r"unpacks from .* kiB to 192\.0 MiB",
    ),
    of_npz(
        "an array that promises 4 GB",
        lambda p: crafted.promised(
            crafted.npz(p, crafted.npy((12, 3), "<f8", bytes(SMALL))), 2**32 - 2
        ),
        "unpacks from",
    ),
    of_npz("one name twice", _twice, "holds a name twice"),
    of_npz("an encrypted entry", _encrypted, "encrypted"),
    of_npz("a damaged entry", _damaged, "damaged"),
    of_npz("a text beside the arrays", lambda p: crafted.zipped(p, {"a.txt": b"x"}), "is no array"),
    of_npz("a single array", lambda p: np.save(p.open("wb"), crafted.rows()), "single array"),
    of_npz("an archive cut off", lambda p: p.write_bytes(b"PK\x03\x04" + bytes(50)), "no archive"),
    of_npz("a folder as features", lambda p: p.mkdir(), "no file"),
    of_npz("a device as features", lambda p: p.symlink_to("/dev/zero"), "no file"),
    of_npz("a pipe as features", lambda p: os.mkfifo(p), "no file"),
]


def of_yaml(name: str, content: str | bytes, words: str, half: str = "recognizer") -> Case:
    """A configuration given as `--sizes`."""

    def line(lab: Lab) -> str:
        data = content.encode() if isinstance(content, str) else content
        (lab.folder / "sizes.yaml").write_bytes(data)
        return f"import-{half} x --sizes {{folder}}/sizes.yaml --out {{folder}}/own"

    return Case(name, line, words)


def _device(lab: Lab) -> str:
    (lab.folder / "sizes.yaml").symlink_to("/dev/zero")
    return "import-recognizer x --sizes {folder}/sizes.yaml --out {folder}/own"


_BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
YAML = [
    of_yaml("YAML nested 100,000 deep", "[" * 10**5, "nested more than 100 levels"),
    of_yaml("YAML nested by dashes", "- " * 10**4 + "x", "nested more than 100 levels"),
    of_yaml("aliases that multiply", _BOMB, r"the alias \*a refers to another part"),
    of_yaml("an alias of itself", "video: &v {px: *v}", r"the alias \*v"),
    of_yaml("a name twice", "video: {px: 224, px: 112}", "'px' stands there twice"),
    of_yaml("a day that is none", "video: 2026-99-99", "not YAML: month must be"),
    of_yaml("a number of 10,000 digits", "temperature: " + "9" * 10**4, "not YAML|digits"),
    of_yaml("a tag that makes objects", "!!python/object/apply:os.getcwd []", "not YAML"),
    of_yaml("bytes that are no text", b"\xff\xfe\x00\x81", "is no text"),
    of_yaml("a configuration of 5 MB", "# " + "x" * 5 * 2**20, "expected at most 4.0 MiB"),
    of_yaml("a width of a thousand million", "video: {width: 1000000000}", "at most 32768 and 512"),
    of_yaml("a thousand million layers", "text: {layers: 1000000000}", "at most 32768 and 512"),
    of_yaml("a million million words", "text: {vocab_size: 1000000000000}", "vocab_size from 1 to"),
    of_yaml("frames of a million pixels", "video: {px: 1048576}", "at most 32768"),
    of_yaml("a view of a million pixels", "views: {size: 1000000}", "from 8 to 4096", "policy"),
    of_yaml("a million blocks", "trunk: {joint_depth: 1000000}", "from 0 to 512", "policy"),
    of_yaml("heads below one", "tokens: {heads: 0}", "tokens.heads must be >= 1", "policy"),
    of_yaml("a million bins", "tokens: {rotation_bins: 1000000}", "from 4 to 32768", "policy"),
    Case("a configuration without end", _device, "it is no file"),
]


def of_run(name: str, change: Callable[[Path], object], words: str) -> Case:
    """A checkpoint that was changed, read by a command that needs the recognizer alone."""

    def line(lab: Lab) -> str:
        change(lab.run / "checkpoints" / "step_000004")
        return "export-recognizer {run} --out {folder}/out.pth"

    return Case(name, line, words)


def _wider(checkpoint: Path) -> None:
    text = (checkpoint / "model.yaml").read_text()
    (checkpoint / "model.yaml").write_text(re.sub(r"width: \d+", "width: 8192", text))


def _shrunk(checkpoint: Path) -> None:
    crafted.safetensors(checkpoint / "model.safetensors", crafted.one_tensor())


RUNS = [
    of_run("a configuration of a far larger model", _wider, "describes a larger model"),
    of_run("a checkpoint of one number", _shrunk, "does not fit the model, nothing was loaded"),
    of_run(
        "a checkpoint that promises 80 GB",
        lambda c: crafted.safetensors(
            c / "model.safetensors",
            crafted.one_tensor(shape=[10**10], data_offsets=[0, 4 * 10**10]),
        ),
        "larger model|cannot be read as safetensors",
    ),
    of_run(
        "a configuration nested deeply",
        lambda c: (c / "model.yaml").write_text("[" * 10**5),
        "levels",
    ),
    of_run(
        "weights that are a device",
        lambda c: (
            (c / "model.safetensors").unlink(),
            (c / "model.safetensors").symlink_to("/dev/zero"),
        ),
        "is missing; it belongs beside",
    ),
]


def of_report(name: str, file: str, change: Callable[[str], str], words: str) -> Case:
    """A file of a run that was changed, read for the report."""

    def line(lab: Lab) -> str:
        run = make.run_folder(lab.folder / "told", steps=2, rows=0)
        path = run / file
        path.write_text(change(path.read_text()))
        return "report {folder}/told"

    return Case(name, line, words)


def _replaced(name: str, value: object) -> Callable[[str], str]:
    """Every value of a name in JSON, replaced."""

    def replaced(text: str) -> str:
        lines = text.splitlines() if not text.startswith("[") else [text]
        parts = [json.loads(line) for line in lines]
        for part in parts:
            for record in part if isinstance(part, list) else [part]:
                record[name] = value
        return "\n".join(map(json.dumps, parts)) + "\n"

    return replaced


DEEP = "[" * 10**5 + "]" * 10**5 + "\n"
FILMS, ROLLOUTS = "evaluation/films/films.json", "evaluation/rollouts.jsonl"
REPORTS = [
    of_report(
        "a manifest nested 100,000 deep", "manifest.json", lambda _: DEEP, "nested too deeply"
    ),
    of_report(
        "a step nested 100,000 deep", "metrics.jsonl", lambda t: DEEP + t, "nested too deeply"
    ),
    of_report("a config of aliases", "config.yaml", lambda _: _BOMB, "the alias"),
    of_report(
        "a film in another folder", FILMS, _replaced("strip", "../../../x.png"), "strip must be"
    ),
    of_report(
        "a film at the root", FILMS, _replaced("video", "/etc/passwd"), "video must be a name"
    ),
    of_report("a film without a name", FILMS, _replaced("strip", ""), "strip must be a name"),
    of_report(
        "a film of a task that leads up", FILMS, _replaced("task", "../.."), "task must be a name"
    ),
    of_report(
        "a checkpoint that leads up", ROLLOUTS, _replaced("checkpoint", "../x"), "checkpoint must"
    ),
    of_report(
        "a task that is a path", ROLLOUTS, _replaced("task", "/tmp/x"), "task must be a name"
    ),
]


def of_record(name: str, value: str, words: str = "must be a relative path that stays") -> Case:
    """An episode's record that names files elsewhere."""

    def line(lab: Lab) -> str:
        path = SplitFolder(lab.data / "train").records
        first, *rest = path.read_text().splitlines()
        record = json.loads(first)
        record["files"][0]["path"] = value
        path.write_text("\n".join([json.dumps(record), *rest]) + "\n")
        return "train nano --data {data} --out {folder}/new --steps 1"

    return Case(name, line, words)


def _locked(link: str) -> Callable[[Lab], str]:
    """A run whose lock is a link, about to be made anew."""

    def line(lab: Lab) -> str:
        run = lab.folder / "locked"
        run.mkdir()
        (run / "config.yaml").write_text("")
        (run / ".lock").symlink_to(link or lab.payload)
        return "train nano --data {data} --out {folder}/locked --overwrite"

    return line


PATHS = [
    of_record("a record of a file at the root", "/etc/hostname"),
    of_record("a record of a file above", "../../elsewhere.parquet"),
    of_record("a record that leads up on its way", "states/../../x"),
    of_record("a record of no file", ""),
    of_record("a record with a zero in its path", "a\0b"),
    Case("a lock that is a link to nothing", _locked(""), r"\.lock is a symbolic link to"),
    Case(
        "a lock that is a link to a device",
        _locked("/dev/null"),
        "nothing is written through links",
    ),
]

_WATCH = "watch push_buttons --out {folder}/x.mp4 "
PICTURES = [
    typed("a film a million pixels wide", _WATCH + "--width 1000000", "at most 4096"),
    typed("a film of no height", _WATCH + "--height 0", "whole numbers >= 1"),
    typed("a film below zero", _WATCH + "--width -640", "width must be >= 0"),
]

CASES = [*ARRAYS, *YAML, *RUNS, *REPORTS, *PATHS, *PICTURES]
