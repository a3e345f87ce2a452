"""`premotor evaluate RUN --data DIR`: success, recognition and alignment on unseen episodes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.console import Console
from rich.table import Table

from premotor.cli.progress import StageBars
from premotor.evaluate.judge import EvaluateConfig, Judgement, judge, prepare
from premotor.evaluate.success import SIMULATOR, success_table
from premotor.worklist import available_cores


@dataclass(frozen=True, kw_only=True)
class EvaluateCommand:
    """Measure a run on episodes it has not seen, before and after training."""

    run: Annotated[Path, tyro.conf.Positional]  # folder made by `premotor train`
    data: Path  # folder of the data set, with the split to measure on
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
    return 0


def show(judgement: Judgement) -> None:
    """Print the headline tables."""
    console = Console(width=110)
    success = Table(title=f"success on unseen episodes ({SIMULATOR}; not RLBench numbers)")
    for column in ("checkpoint", "task", "success", "95 % interval", "strict", "ended by"):
        success.add_column(column)
    for row in success_table(judgement.rollouts):
        value = row.success
        success.add_row(
            row.checkpoint,
            row.task,
            f"{value.value:.0%} of {value.count}",
            f"{value.low:.0%} to {value.high:.0%}",
            f"{row.strict.value:.0%}",
            ", ".join(f"{reason} {count}" for reason, count in row.reasons.items()),
        )
    console.print(success)
    naming = Table(title="recognition on held-out episodes (top-1)")
    for column in ("checkpoint", "classes", "chance", "clip", "first frame only", "shuffled"):
        naming.add_column(column)
    for record in judgement.recognition:
        naming.add_row(
            record.checkpoint,
            f"{record.class_set} ({record.num_classes})",
            f"{record.chance:.1%}",
            f"{record.accuracy.value:.1%}",
            f"{record.first_frame_only.value:.1%}",
            f"{record.shuffled_frames.value:.1%}",
        )
    console.print(naming)
    agreement = Table(title="alignment of z_u and z_e over held-out episodes")
    for column in ("checkpoint", "words", "measure", "value", "chance or ceiling", "p by stratum"):
        agreement.add_column(column)
    for record in judgement.alignment:
        if record.space == "z":
            agreement.add_row(
                record.checkpoint,
                record.instruction,
                record.measure,
                f"{record.value:.3f}",
                f"{record.reference:.3f}",
                ", ".join(f"{null.stratum} {null.p_value:.3f}" for null in record.nulls),
            )
    console.print(agreement)
