"""`premotor demo`: from nothing to a report, as commands that could be typed one by one."""

import shlex
import time
from collections.abc import Sequence

from rich.console import Console

from premotor.cli import main
from premotor.cli.options import parsed
from premotor.experiments.demo import DemoConfig, commands


def command(argv: Sequence[str]) -> int:
    """Run `premotor demo`."""
    config = parsed(DemoConfig, "demo", argv)
    console = Console(stderr=True)
    started = time.monotonic()
    for arguments in commands(config):
        console.rule(f"premotor {shlex.join(arguments)}", align="left")
        begun = time.monotonic()
        code = main.run(arguments)
        passed = time.monotonic() - begun
        console.print(f"{arguments[0]} took {passed / 60:.1f} min", highlight=False)
        if code:
            return code
    minutes = (time.monotonic() - started) / 60
    console.print(f"done in {minutes:.1f} min: {config.out / 'report.html'}", highlight=False)
    return 0
