"""`premotor report RUN`: make a run's report.html from what it has written down."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from premotor.cli.options import parsed
from premotor.report.page import write_report


@dataclass(frozen=True, kw_only=True)
class ReportCommand:
    """Make a run's report.html: one page that needs no other file."""

    run: Annotated[Path, tyro.conf.Positional]  # folder made by `premotor train`


def command(argv: Sequence[str]) -> int:
    """Run `premotor report`."""
    wanted = parsed(ReportCommand, "report", argv)
    path = write_report(wanted.run)
    print(f"{path}  ({path.stat().st_size / 1e6:.1f} MB, self-contained; open it in a browser)")
    return 0
