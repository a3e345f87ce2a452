"""`premotor evaluate RUN`: success on unseen episodes; recognition and alignment with --data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
import tyro

from premotor.claims import Claim
from premotor.cli.findings import show_studies, show_tables
from premotor.cli.options import parsed
from premotor.cli.progress import StageBars
from premotor.evaluate.judge import EvaluateConfig, Judgement, judge, prepare
from premotor.folders import RunFolder
from premotor.report.judgements import described
from premotor.report.run import judged_of
from premotor.report.tables import recognition_tables, success_tables
from premotor.worklist import available_cores


@dataclass(frozen=True, kw_only=True)
class EvaluateCommand:
    """Measure a run on episodes it has not seen, before and after training."""

    run: Annotated[Path, tyro.conf.Positional]  # folder made by `premotor train`
    data: Path | None = None  # data set with the split for recognition and alignment; else neither
    claim: Annotated[Claim, tyro.conf.arg(name="")] = field(default_factory=Claim)
    evaluate: Annotated[EvaluateConfig, tyro.conf.arg(name="")] = field(
        default_factory=EvaluateConfig
    )


def command(argv: Sequence[str]) -> int:
    """Run `premotor evaluate`."""
    wanted = parsed(EvaluateCommand, "evaluate", argv)
    workers = wanted.evaluate.workers or available_cores()
    torch.set_num_threads(workers)
    prepare(wanted.run, wanted.data, wanted.evaluate, wanted.claim)
    with StageBars() as bars:
        judgement = judge(wanted.run, wanted.data, wanted.evaluate, workers, bars)
    show(judgement)
    _tell_settings(wanted.run)
    if wanted.data is None:
        print("recognition and alignment were left out; they are measured with --data")
    if judgement.missing is not None:
        print("these numbers are without the roll-outs that are missing")
        raise judgement.missing
    return 0


def _tell_settings(run: Path) -> None:
    """What the numbers are of, and what there is of other judgements, as the report says it."""
    judged = judged_of(RunFolder(run).evaluation)
    if judged.acting is not None:
        print(f"roll-outs: {described(judged.acting)}")
    for sentence in judged.left_out:
        print(sentence)


def show(judgement: Judgement) -> None:
    """Print the tables that the report has, and the numbers of alignment."""
    show_tables(
        [
            *success_tables(judgement.rollouts),
            *recognition_tables(judgement.recognition, judgement.pairs),
        ]
    )
    show_studies(judgement.alignment)
