"""The command `premotor`: finds the command asked for, and speaks plainly when it fails."""

import contextlib
import importlib
import io
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from premotor import __version__
from premotor.errors import PremotorError, SystemRefused, UnknownName
from premotor.stopping import STOPPED, asking

COMMANDS = {
    "doctor": "look whether this machine has what is needed, or through a data set",
    "tasks": "list the tasks, their variations and instructions",
    "watch": "film an expert episode",
    "experts": "survey the experts: success, replay, coverage",
    "collect": "record expert demonstrations",
    "train": "train both towers together",
    "cache": "what training keeps of data sets, and what of it can go",
    "evaluate": "judge a run on episodes it has not seen",
    "probe": "do two models align by themselves, and does it go with success",
    "align": "measure how two models' features align, and why",
    "keyframes": "where a policy would go from held-out observations, without roll-outs",
    "look": "draw what a policy sees and where it would go",
    "report": "make a run's report.html",
    "ablate": "what each part of the policy is worth, one change at a time",
    "compare": "does alignment help: arms over seeds, by a plan in a file",
    "import-policy": "take over the weights of a released policy",
    "import-recognizer": "take over the weights of a ViCLIP or CLIP",
    "export-recognizer": "write a recognizer's weights as a ViCLIP file",
    "demo": "all of it, from demonstrations to the report",
}


def usage() -> str:
    """What `premotor --help` prints."""
    lines = "\n".join(f"  {name:<17} {what}" for name, what in COMMANDS.items())
    return (
        "premotor: watch an action, do the action, align the two\n\n"
        f"usage: premotor COMMAND ...\n\n{lines}\n\n"
        "`premotor COMMAND --help` lists its options."
    )


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    Raises:
        PremotorError: The command failed in a way the user can mend.
    """
    with _refusals_in_words():
        code = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    return code


def _run(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"premotor {__version__}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        raise UnknownName.of("command", name, COMMANDS)
    module = importlib.import_module(f"premotor.cli.{name.replace('-', '_')}")
    return int(module.command(rest) or 0)


@contextmanager
def _refusals_in_words() -> Iterator[None]:
    """What the system refuses any command is one line: what, where, why, and what to do."""
    try:
        yield
    except (PremotorError, BrokenPipeError):
        raise
    except MemoryError as error:
        said = f" ({error})" if str(error) else ""
        raise SystemRefused(
            f"there is not enough memory{said}; give fewer --workers or --processes, or less data"
        ) from error
    except OSError as error:
        place = "standard output" if error.filename is None and _is_unwritable() else None
        raise SystemRefused.of(error, place) from error


def _is_unwritable() -> bool:
    """Whether standard output takes nothing; if so, it is given up, or Python would try again."""
    try:
        sys.stdout.write("\n")  # what was refused may have been thrown away
        sys.stdout.flush()
    except OSError:
        _give_up_output()
        return True
    return False


def _give_up_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Interrupt:
    """What a signal that asks to stop does where nothing finer is in force: a KeyboardInterrupt.

    Compiled code that is interrupted, at its import or at a call back into Python, raises an error
    of its own instead (SystemError, ctypes.ArgumentError), so it is kept that somebody asked.
    """

    asked = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        raise KeyboardInterrupt


def _prepare_streams() -> None:
    """Let nothing that is opened later take the place of a closed stream and be written into."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path may hold any bytes


def main() -> None:
    """Entry point of the console script."""
    _prepare_streams()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    interrupt = _Interrupt()
    for number in asking():  # as Ctrl-C, so that temporary files are removed
        signal.signal(number, interrupt)
    said = ""
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt as stop:  # of a campaign it says how far it came and how to go on
        said, code = str(stop) or "stopped", STOPPED
    except BrokenPipeError:  # whoever read the output, as `head` does, has enough
        _give_up_output()
        code = 141
    except Exception as error:
        if interrupt.asked:
            said, code = "stopped", STOPPED
        elif isinstance(error, PremotorError):
            said, code = f"error: {error}", error.exit_code
        else:
            raise
    if said:
        with contextlib.suppress(OSError):  # a terminal that is gone
            print(said, file=sys.stderr, flush=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
