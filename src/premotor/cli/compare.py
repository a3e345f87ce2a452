"""`premotor compare PLAN`: does alignment help? Arms over seeds, from one file that says it all."""

import shlex
from collections.abc import Sequence

from rich.console import Console

from premotor.cli.findings import show_sentences, show_tables
from premotor.cli.options import parsed
from premotor.cli.progress import StageBars
from premotor.experiments.comparison.arms import ARMS
from premotor.experiments.comparison.compare import CompareConfig, compare
from premotor.experiments.comparison.estimate import estimate, told
from premotor.report.comparison.tables import claim_table
from premotor.report.comparison.words import cannot, claims, standing

_ABOUT = "\n\n".join(
    (
        "Train arms that differ in one thing, over seeds, judge them, and say what it comes to.",
        "The same command goes on wherever it was stopped, and never does again what is done.",
        *(f"{name}: {arm.answers}" for name, arm in ARMS.items()),
    )
)


def command(argv: Sequence[str]) -> int:
    """Run `premotor compare`."""
    config = parsed(CompareConfig, "compare", argv, _ABOUT)
    if config.dry_run:
        with StageBars() as bars:
            lines = told(estimate(config, bars))
        show_sentences(lines)
        return 0
    with StageBars() as bars:
        found = compare(config, shlex.join(["premotor", "compare", *argv]), bars)
    show_tables([claim_table(found)])
    show_sentences([*standing(found), *claims(found), *cannot(found)])
    names = "compare.json, .md, .html" if config.page else "compare.json, .md"
    Console(stderr=True).print(f"written: {config.places.records.path}/{names}", soft_wrap=True)
    return 1 if found.broken else 0
