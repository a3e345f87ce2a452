"""Outputs that cannot be written: what the system says no to."""

from collections.abc import Callable
from pathlib import Path

from corpus.case import Case, Lab

# A command that writes, and by which option. What is made is never asked for.
COMMANDS = {
    "collect": "collect open_drawer --episodes 1 --workers 1 --out {place}",
    "experts": "experts open_drawer --seeds 1 --workers 1 --out {place}",
    "train": "train nano --data {{data}} --steps 1 --processes 1 --device cpu --out {place}",
    "ablate": "ablate --data {{data}} --split val --only lamb --preset nano --steps 1 --tasks "
    "open_drawer --episodes 1 --processes 1 --workers 1 --out {place}",
    "watch": "watch open_drawer --out {place}",
    "look": "look {{run}} open_drawer --out {place}",
    "align": "align {{folder}}/u.npz {{folder}}/e.npz --out {place}",
    "tasks": "tasks --sheet {place}.png",
    "export": "export-recognizer {{run}} --out {place}.pth",
}
FILES = ("watch", "look", "align", "tasks", "export")
THERE = (
    r"a folder was expected|is there already|exists; (remove|replace) it|is not an? |is a folder"
)


def _below_a_file(lab: Lab) -> Path:
    (lab.folder / "file").write_text("kept")
    return lab.folder / "file" / "out"


def _deep_below_a_file(lab: Lab) -> Path:
    return _below_a_file(lab) / "a" / "b"


def _dangling(lab: Lab) -> Path:
    for end in ("", ".png", ".pth"):
        (lab.folder / f"link{end}").symlink_to(lab.folder / "nothing")
    return lab.folder / "link"


def _below_a_dangling_link(lab: Lab) -> Path:
    return _dangling(lab) / "out"


def _round_in_a_circle(lab: Lab) -> Path:
    (lab.folder / "circle").symlink_to(lab.folder / "circle")
    return lab.folder / "circle" / "out"


def _too_long(lab: Lab) -> Path:
    return lab.folder / ("x" * 300)


def _of_the_kernel(_lab: Lab) -> Path:
    return Path("/proc/premotor/out")


def _a_file(lab: Lab) -> Path:
    (lab.folder / "thesis.tex").write_text("kept")
    return lab.folder / "thesis.tex"


def _a_folder(lab: Lab) -> Path:
    for end in ("", ".png", ".pth"):
        (lab.folder / f"folder{end}").mkdir()
    return lab.folder / "folder"


def _refused(name: str, place: Callable[[Lab], Path], words: str, *commands: str) -> list[Case]:
    """The same place for several commands."""

    def line(command: str) -> Callable[[Lab], str]:
        return lambda lab: COMMANDS[command].format(place=place(lab))

    return [Case(f"{command}: {name}", line(command), words) for command in commands]


def typed(name: str, line: str, words: str) -> Case:
    """Nothing is broken but what is typed."""
    return Case(name, lambda _: line, words)


CASES = [
    *_refused("below a file", _below_a_file, "a folder was expected.*another place", *COMMANDS),
    *_refused("deep below a file", _deep_below_a_file, "file.*another place", "collect", "watch"),
    *_refused("a link to nothing", _dangling, THERE, *(c for c in COMMANDS if c != "tasks")),
    *_refused(
        "below a link to nothing", _below_a_dangling_link, "is there already.*another", *COMMANDS
    ),
    *_refused("links in a circle", _round_in_a_circle, "circle|is there already", *COMMANDS),
    *_refused("a name too long", _too_long, "too long.*choose a shorter one", *COMMANDS),
    *_refused("in a file system of the kernel", _of_the_kernel, "no such file.*whether", *COMMANDS),
    *_refused("a file", _a_file, THERE, "collect", "experts", "train", "ablate", "watch", "align"),
    *_refused("a folder", _a_folder, THERE, *FILES),
    typed(
        "report of a file that is no run",
        "report /dev/null",
        "no run folder at /dev/null; name the folder",
    ),
    typed("report of a name too long", f"report {{folder}}/{'y' * 300}", "too long"),
    typed("evaluate of a name too long", f"evaluate {{folder}}/{'y' * 300}", "too long"),
    typed(
        "data of a name too long",
        f"train nano --data {{folder}}/{'y' * 300} --out {{folder}}/r",
        "too long",
    ),
    typed("config that is a folder", "train --config {folder} --data d --out {folder}/r", "config"),
]
