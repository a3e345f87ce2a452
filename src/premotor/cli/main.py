"""The command `premotor`: finds the command asked for, and speaks plainly when it fails."""

import importlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from rich.console import Console

from premotor import __version__
from premotor.errors import PremotorError, UnknownName
from premotor.stopping import STOPPED

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
    "look": "draw what a policy sees and where it would go",
    "report": "make a run's report.html",
    "ablate": "what each part of the policy is worth, one change at a time",
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


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point of the console script."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, _interrupt)  # as Ctrl-C, so that temporary files are removed
    try:
        code = run(sys.argv[1:])
    except PremotorError as error:
        console.print(f"error: {error}")
        code = error.exit_code
    except KeyboardInterrupt as stop:  # of a campaign it says how far it came and how to go on
        console.print(str(stop) or "stopped")
        code = STOPPED
    except BrokenPipeError:  # whoever read the output, as `head` does, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    sys.exit(code)


if __name__ == "__main__":
    main()
