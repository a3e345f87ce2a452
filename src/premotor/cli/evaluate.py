"""`premotor evaluate RUN`: success on unseen episodes; recognition and alignment with --data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
import tyro

from premotor.cli.findings import show_studies, show_tables
from premotor.cli.progress import StageBars
from premotor.errors import EpisodesMissing
from premotor.evaluate.judge import EvaluateConfig, Judgement, judge, prepare
from premotor.report.tables import recognition_tables, success_tables
from premotor.worklist import available_cores

_TOLD = 5  # broken roll-outs whose errors are told


@dataclass(frozen=True, kw_only=True)
class EvaluateCommand:
    """Measure a run on episodes it has not seen, before and after training."""

    run: Annotated[Path, tyro.conf.Positional]  # folder made by `premotor train`
    data: Path | None = None  # data set with the split for recognition and alignment; else neither
    resume: bool = False  # keep the roll-outs that are there and do the rest
    overwrite: bool = False  # start anew
    evaluate: Annotated[EvaluateConfig, tyro.conf.arg(name="")] = field(
        default_factory=EvaluateConfig
    )


def command(argv: Sequence[str]) -> int:
    """Run `premotor evaluate`."""
    wanted = tyro.cli(EvaluateCommand, prog="premotor evaluate", args=list(argv))
    workers = wanted.evaluate.workers or available_cores()
    torch.set_num_threads(workers)
    prepare(wanted.run, wanted.data, wanted.evaluate, wanted.resume, wanted.overwrite)
    with StageBars() as bars:
        judgement = judge(wanted.run, wanted.data, wanted.evaluate, workers, bars)
    show(judgement)
    if wanted.data is None:
        print("recognition and alignment were left out; they are measured with --data")
    if judgement.broken:
        raise EpisodesMissing(
            f"{len(judgement.broken)} roll-outs broke or lost their worker, these numbers are "
            "without them; mend that and run again with --resume: "
            f"{'; '.join(judgement.broken[:_TOLD])}"
        )
    return 0


def show(judgement: Judgement) -> None:
    """Print the tables that the report has, and the numbers of alignment."""
    show_tables(
        [
            *success_tables(judgement.rollouts),
            *recognition_tables(judgement.recognition, judgement.pairs),
        ]
    )
    show_studies(judgement.alignment)
