"""`make torture`: kill every command at random moments, fill its disk, and see what is lost.

Each trial starts one command in a folder of its own, hits it (SIGKILL of the parent, of a worker or
of all; SIGTERM, SIGHUP or SIGINT of the parent or of all; a full or a read-only disk; one write
refused), lets it go on until it is done, and compares what lies there then with what an undisturbed
command writes.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from torture.subjects import SUBJECTS, Subject, World, command_of, digest

MARK = "PREMOTOR_TORTURE"  # in the environment of all that a trial starts
AFTER = 10.0  # [s] after which nothing may be alive
PATIENCE = 300.0  # [s] that a command gets to end
KILLS = {f"{n.name} to {w}": (n, w) for n in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP,
         signal.SIGINT) for w in ("parent", "all")} | {
    "SIGKILL to worker": (signal.SIGKILL, "worker")}  # fmt: skip
DISKS = ("full disk", "read-only disk")
WRITE = "one write refused"
STANDS = "exists; remove it"  # said of what was whole before it was hit
AGAIN = 4  # times that a command is gone on with before it counts as lost


@dataclass
class Tally:
    """What was seen."""

    trials: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def fault(self, kind: str, where: str, what: object) -> None:
        """Note something that must not be."""
        self.counts[kind] += 1
        self.faults.append(f"{kind}: {where}: {what}")
        print(f"  {kind}: {what}", flush=True)


@dataclass(frozen=True)
class Whole:
    """What an undisturbed command writes, and how long it takes."""

    files: dict[str, str]
    seconds: float
    size: int  # [bytes]
    writes: int  # of its first process: files opened, folders made, names changed


class Trial:
    """One command that is disturbed and gone on with."""

    def __init__(self, world: World, subject: Subject, out: Path, mark: str) -> None:
        self.world, self.subject, self.out = world, subject, out
        self.temporary = Path(tempfile.mkdtemp(prefix="tmp-", dir=out.parent))
        self.environment = os.environ | {MARK: mark, "TMPDIR": str(self.temporary)}
        self.mark = mark
        out.mkdir(exist_ok=True)
        subject.prepare(world, out)

    def start(self, *options: str) -> subprocess.Popen[str]:
        """The command, in a session of its own."""
        return self._start(command_of(self.subject.arguments(self.world, self.out, *options)))

    def refusing(self, write: int) -> subprocess.Popen[str]:
        """The command, whose so manyth write is refused; 0: its writes are counted."""
        own = [str(write), str(self.out.parent)]
        arguments = self.subject.arguments(self.world, self.out)
        return self._start([sys.executable, "-m", "torture.refusing", *own, *arguments])

    def _start(self, command: list[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            start_new_session=True,
            preexec_fn=_as_from_a_terminal,
        )

    def alive(self) -> list[int]:
        """Processes of this trial."""
        token, found = f"{MARK}={self.mark}".encode(), []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if token in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def leftovers(self) -> list[str]:
        """Temporary files."""
        there = [*self.out.rglob(".*.tmp"), *self.out.parent.glob(f".{self.out.name}.*")]
        own = [p for p in self.temporary.iterdir() if not p.name.startswith("torchinductor")]
        return [str(p) for p in (*there, *own)]

    def finish(self) -> tuple[int, str]:
        """Go on until it is done; the last exit code and what was said."""
        code, said = 1, ""
        for _ in range(AGAIN):
            options = [self.subject.again] if self.subject.again else []
            with self.start(*options) as process:
                said = process.communicate(timeout=PATIENCE)[1]
                code = process.returncode
            if code == 0 or (not options and STANDS in said):
                return 0, said
        return code, said


def _as_from_a_terminal() -> None:
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def hit(trial: Trial, process: subprocess.Popen[str], name: str, rng: random.Random) -> None:
    """Send a signal."""
    number, whom = KILLS[name]
    others = [pid for pid in trial.alive() if pid != process.pid and not _keeps_books(pid)]
    with contextlib.suppress(ProcessLookupError):
        if whom == "parent" or (whom == "worker" and not others):
            os.kill(process.pid, number)
        elif whom == "worker":
            os.kill(rng.choice(others), number)
        else:
            os.killpg(process.pid, number)


def _keeps_books(pid: int) -> bool:
    """Whether it is the process in which Python keeps books of semaphores, not of ours."""
    with contextlib.suppress(OSError):
        return b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def one_kill(trial: Trial, whole: Whole, name: str, rng: random.Random, tally: Tally) -> None:
    """Hit it at a random moment, then look at what is there."""
    where = f"{trial.subject.name}, {name}"
    process = trial.start()
    moment = rng.uniform(0.0, whole.seconds)
    where += f" after {moment:.2f} s"
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment)
    hit(trial, process, name, rng)
    said = ended(process, where, tally)
    if not name.startswith("SIGKILL to parent"):
        check_words(said, where, tally)
    deadline = time.monotonic() + AFTER
    while trial.alive() and time.monotonic() < deadline:
        time.sleep(0.2)
    for pid in trial.alive():
        tally.fault("alive", where, Path(f"/proc/{pid}/cmdline").read_bytes()[:200])
        os.kill(pid, signal.SIGKILL)


def ended(process: subprocess.Popen[str], where: str, tally: Tally) -> str:
    """What it said by the time it ended."""
    try:
        return process.communicate(timeout=PATIENCE)[1]
    except subprocess.TimeoutExpired:
        tally.fault("hangs", where, f"{PATIENCE:.0f} s")
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[1]


def check_words(said: str, where: str, tally: Tally) -> None:
    """No traceback and nothing of Python's own housekeeping, once Python itself has started."""
    if "KeyboardInterrupt" in said and "premotor" not in said:
        return
    for sign in ("Traceback", "leaked", "Exception ignored", "Fatal Python"):
        if sign in said:
            tally.fault("words", where, said[-1500:])
            return


def check_whole(trial: Trial, whole: Whole, before: list[str], where: str, tally: Tally) -> None:
    """All is there once, as if nothing had happened."""
    code, said = trial.finish()
    if code:
        tally.fault("stuck", where, said[-1500:])
        return
    after = trial.subject.records(trial.out)
    repeats = trial.subject.ledger == "metrics.jsonl"  # steps after a checkpoint are done again
    if (lost := Counter(before) - Counter(after)) and not repeats:
        tally.fault("lost", where, f"{lost.total()} records")
    if len(after) != len(set(after)):
        tally.fault("doubled", where, f"{len(after) - len(set(after))} records")
    if left := trial.leftovers():
        tally.fault("leftover", where, left)
    files = digest(trial.out)
    if differing := {n for n in files | whole.files if files.get(n) != whole.files.get(n)}:
        tally.fault("unequal", where, sorted(differing)[:8])


@contextlib.contextmanager
def small_disk(place: Path, size: int) -> Iterator[None]:
    """A disk of so many bytes; only root may have one."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def _disks() -> tuple[str, ...]:
    """What can be done to disks here."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder) / "disk", 1 << 20):
                return DISKS
        except (subprocess.CalledProcessError, OSError) as error:
            print(f"disks are left out, as small ones cannot be mounted here: {error}")
            return ()


def remount(place: Path, options: str) -> None:
    """Change a disk."""
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)


def one_disk(trial: Trial, whole: Whole, name: str, rng: random.Random, tally: Tally) -> str:
    """Let the system refuse it, then give it room."""
    place = trial.out.parent
    if name == "full disk":
        room = sum(p.stat().st_size for p in place.rglob("*") if p.is_file())
        size = room + 8192 + rng.randrange(max(4096, whole.size))
        remount(place, f"size={size}")
    else:
        remount(place, "ro")
    where = f"{trial.subject.name}, {name}"
    is_refused(trial.start(), where, tally)
    remount(place, "rw,size=2g")
    return where


def is_refused(process: subprocess.Popen[str], where: str, tally: Tally) -> None:
    """See that a command whose output is refused says so in one line."""
    said = ended(process, where, tally)
    check_words(said, where, tally)
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    if process.returncode and len(lines) != 1:
        tally.fault("words", where, said[-1500:])


def one_write(trial: Trial, whole: Whole, rng: random.Random, tally: Tally) -> str:
    """Refuse one write; the command may end well only where it can do without."""
    write = rng.randint(1, max(whole.writes, 1))
    where = f"{trial.subject.name}, write {write} of {whole.writes} refused"
    is_refused(trial.refusing(write), where, tally)
    return where


def undisturbed(world: World, subject: Subject, folder: Path) -> Whole:
    """The command as it should be."""
    trial = Trial(world, subject, folder / "out", f"whole {subject.name}")
    start = time.monotonic()
    with trial.refusing(0) as process:
        said = process.communicate(timeout=PATIENCE)[1]
    if process.returncode:
        raise SystemExit(f"{subject.name} fails undisturbed: {said}")
    seconds = time.monotonic() - start
    size = sum(p.stat().st_size for p in trial.out.rglob("*") if p.is_file())
    return Whole(digest(trial.out), seconds, size, int(said.split()[-1]))


def run(minutes: float, seed: int, chosen: list[str]) -> Tally:
    """Trials until the time is over, each subject in turn."""
    rng, tally, wholes = random.Random(seed), Tally(), dict[str, Whole]()
    subjects = [s for s in SUBJECTS if not chosen or s.name in chosen]
    kinds = [*KILLS, WRITE, *_disks()]
    end = time.monotonic() + 60.0 * minutes
    with tempfile.TemporaryDirectory(prefix="torture-") as name:
        base = Path(name)
        world = World.make(base / "world")
        while time.monotonic() < end:
            subject = subjects[tally.trials % len(subjects)]
            kind = rng.choice(kinds)
            tally.trials += 1
            tally.hits[kind] += 1
            print(f"{tally.trials}: {subject.name}, {kind}", flush=True)
            place = base / f"trial{tally.trials}"
            if subject.name not in wholes:
                own = base / subject.name.replace(" ", "-")
                own.mkdir()
                wholes[subject.name] = undisturbed(world, subject, own)
            whole = wholes[subject.name]
            on = small_disk(place, 2 << 30) if kind in DISKS else contextlib.nullcontext()
            with on:
                place.mkdir(exist_ok=True)
                trial = Trial(world, subject, place / "out", f"{os.getpid()}.{tally.trials}")
                if kind in DISKS:
                    where = one_disk(trial, whole, kind, rng, tally)
                elif kind == WRITE:
                    where = one_write(trial, whole, rng, tally)
                else:
                    where = f"{subject.name}, {kind}"
                    one_kill(trial, whole, kind, rng, tally)
                check_whole(trial, whole, subject.records(trial.out), where, tally)
            shutil.rmtree(place, ignore_errors=True)
    return tally


def main() -> None:
    """Torture, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], help="names of subjects")
    given = parser.parse_args()
    tally = run(given.minutes, given.seed, given.only)
    print("\n".join(["", *tally.faults, ""]))
    for kind, count in sorted(tally.hits.items()):
        print(f"{kind:<20} {count}")
    kinds = ("lost", "doubled", "leftover", "alive", "unequal", "words", "stuck", "hangs")
    print(f"{tally.trials} trials; " + ", ".join(f"{k} {tally.counts[k]}" for k in kinds))
    raise SystemExit(1 if tally.faults else 0)


if __name__ == "__main__":
    main()
