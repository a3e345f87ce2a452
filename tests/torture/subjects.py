"""What is tortured: every command that writes, on data and runs of its own."""

import hashlib
import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import foreign
from campaigns import ROWS, timeless
from conftest import _write_data

UNEQUAL = ("manifest.json", "state.pt", "experts.md", ".lock")  # they tell when and how long
ASIDE = ("files", "code_version")  # what a whole set adds, and what an edit of the code changes
RESUME, OVERWRITE = "--resume", "--overwrite"
TASK = "open_drawer"


@dataclass(frozen=True)
class Subject:
    """A command.

    Attributes:
        name: Of it.
        line: What is typed; {out} is a folder of its own, {data}, {run}, {u} and {e} sound inputs;
            {foreign} begins the names of weights as others wrote them.
        ledger: Its file of records below {out}; "" where it has none.
        again: What is typed to go on after it was stopped.
        begins: Whether {out} begins as a copy of the run.
    """

    name: str
    line: str
    ledger: str = ""
    again: str = RESUME
    begins: bool = False

    def arguments(self, world: "World", out: Path, *options: str) -> list[str]:
        """The command line."""
        names = {"out": out, "data": world.data, "run": world.run, "u": world.u, "e": world.e}
        names["foreign"] = world.folder / "foreign_"
        return [*shlex.split(self.line.format(**names)), *options]

    def prepare(self, world: "World", out: Path) -> None:
        """Lay down what is there before it begins."""
        if self.begins:
            shutil.copytree(world.run, out, dirs_exist_ok=True)

    def records(self, out: Path) -> list[str]:
        """Whole records, without the times they took and what a whole data set adds to them."""
        path = out / self.ledger
        if not self.ledger or not path.is_file():
            return []
        lines = path.read_bytes().splitlines(keepends=True)
        records = [json.loads(line) for line in lines if line.endswith(b"\n")]
        return [_text(record) for record in records]


def _line(data: bytes) -> str:
    return _text(json.loads(data))


def _text(record: object) -> str:
    return json.dumps(timeless(record, also=ASIDE), sort_keys=True)


def digest(out: Path) -> dict[str, str]:
    """What lies in a folder, by name: of records without times, of all else every byte."""
    found = {}
    for path in sorted(p for p in out.rglob("*") if p.is_file() and p.name not in UNEQUAL):
        data = path.read_bytes().replace(str(out).encode(), b"OUT")
        if path.suffix == ".jsonl":
            data = "\n".join(sorted(_line(line) for line in data.splitlines())).encode()
        elif path.suffix == ".json":
            data = _line(data).encode()
        found[str(path.relative_to(out))] = hashlib.sha256(data).hexdigest()
    return found


_CAMPAIGNS = [
    Subject(name, row.line, str(Path(row.folder) / row.ledger), begins=name == "evaluate")
    for name, row in ROWS.items()
    if name not in ("collect", "evaluate")
]
SUBJECTS = [
    *_CAMPAIGNS,
    Subject(
        "train by two processes",
        "train nano --data {data} --out {out} --steps 30 --processes 2 --device cpu --eval-every 10"
        " --probe-episodes 4 --checkpoint-every 5",
        "metrics.jsonl",
    ),
    Subject(
        "evaluate by two processes",
        "evaluate {out} --data {data} --tasks push_buttons --episodes 3 --max-key-poses 1"
        " --workers 2",
        "evaluation/rollouts.jsonl",
        begins=True,
    ),
    Subject("report", "report {out}", again="", begins=True),
    Subject(
        "align", "align {u}.npz {e}.npz --out {out}/a.json --permutations 50", again=OVERWRITE
    ),
    Subject("watch", f"watch {TASK} --out {{out}}/w.mp4 --width 160 --height 120 --no-shadows", "",
            OVERWRITE),
    Subject("look", f"look {{run}} {TASK} --out {{out}}/look.png", again=OVERWRITE),
    Subject("export", "export-recognizer {run} --out {out}/r.safetensors", again=""),
    Subject("sheet", "tasks --sheet {out}/tasks.png", again=""),
    Subject(
        "import a policy",
        "import-policy {foreign}e.pth --sizes {foreign}e.yaml --text {foreign}text.safetensors"
        " --out {out}/p",
        again="",
    ),
    Subject(
        "import a recognizer",
        "import-recognizer {foreign}u.pth --sizes {foreign}u.yaml --activation gelu --out {out}/r",
        again="",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class World:
    """The inputs: made once, by the commands themselves."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def u(self) -> Path:
        return self.folder / "u"

    @property
    def e(self) -> Path:
        return self.folder / "e"

    @classmethod
    def make(cls, folder: Path) -> "World":
        """Made-up demonstrations, three short trainings and features."""
        world = cls(folder)
        splits = {"train": range(18), "val": range(200, 204), "test": range(100, 109)}
        _write_data(world.data, **splits)
        few = f"train nano --data {world.data} --steps 2 --processes 1 --device cpu"
        _premotor(f"{few} --probe-episodes 4 --out {world.run}")
        _premotor(f"{few} --out {world.u} --pairing.watch-only --seed 1")
        _premotor(f"{few} --out {world.e} --pairing.recognition-every 0")
        rng = np.random.default_rng(0)
        shared = rng.normal(size=(60, 4))
        for name in ("u", "e"):
            features = shared @ rng.normal(size=(4, 8)) + rng.normal(size=(60, 8))
            np.savez(folder / f"{name}.npz", features=features)
        foreign.policy(folder / "foreign_e.pth", folder / "foreign_e.yaml")
        foreign.words(folder / "foreign_text.safetensors")
        foreign.recognizer(folder / "foreign_u.pth", folder / "foreign_u.yaml")
        return world


def command_of(arguments: list[str]) -> list[str]:
    """How a process is started that does it."""
    return [sys.executable, "-m", "premotor.cli.main", *arguments]


def _premotor(line: str) -> None:
    done = subprocess.run(command_of(shlex.split(line)), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"premotor {line}: {done.stderr}")
