"""`premotor evaluate RUN`: success on unseen episodes; recognition and alignment with --data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.console import Console
from rich.table import Table

from premotor.cli.numbers import show_numbers
from premotor.cli.progress import StageBars
from premotor.errors import EpisodesMissing
from premotor.evaluate.judge import EvaluateConfig, Judgement, judge, prepare
from premotor.evaluate.success import SIMULATOR, mean_rows, success_table
from premotor.measure.verdict import verdict_on
from premotor.records import AlignmentRecord, EvalRecord, NamingPair, RecognitionRecord
from premotor.report.tables import words
from premotor.worklist import available_cores

_WIDTH = 110  # [characters] of the tables
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
    """Print the headline tables."""
    console = Console(width=_WIDTH)
    if judgement.rollouts or judgement.broken:
        console.print(_success(judgement.rollouts))
    if judgement.recognition:
        console.print(_naming(judgement.recognition))
        console.print(_axes(judgement.recognition))
    if judgement.pairs:
        console.print(_pairs(judgement.pairs))
    if judgement.alignment:
        _show_agreement(judgement.alignment)


def _success(rollouts: Sequence[EvalRecord]) -> Table:
    table = Table(title=f"success on unseen episodes ({SIMULATOR}; not RLBench numbers)")
    for column in ("checkpoint", "task", "success", "95 % interval", "strict", "ended by"):
        table.add_column(column)
    rows = success_table(rollouts)
    means = mean_rows(rows)
    for row in (*rows, *means):
        if row in means[:1]:
            table.add_section()
        value = row.success
        table.add_row(
            row.checkpoint,
            row.task,
            f"{value.value:.0%} of {value.count}",
            f"{value.low:.0%} to {value.high:.0%}",
            f"{row.strict.value:.0%}",
            ", ".join(f"{words(ending)} {count}" for ending, count in row.endings.items()),
        )
    return table


def _naming(records: Sequence[RecognitionRecord]) -> Table:
    table = Table(title="recognition on held-out episodes (top-1, but one column)")
    for column in ("checkpoint", "classes", "chance", "clip", "95 % interval", "top-5"):
        table.add_column(column)
    for column in ("mean over tasks", "first frame only", "shuffled"):
        table.add_column(column)
    for record in records:
        accuracy, known = record.accuracy, (record.top5, record.macro)
        five, mean = ("" if rate is None else f"{rate.value:.1%}" for rate in known)
        table.add_row(
            record.checkpoint,
            f"{record.class_set} ({record.num_classes})",
            f"{record.chance:.1%}",
            f"{accuracy.value:.1%}",
            f"{accuracy.low:.0%} to {accuracy.high:.0%}",
            five,
            mean,
            f"{record.first_frame_only.value:.1%}",
            f"{record.shuffled_frames.value:.1%}",
        )
    return table


def _axes(records: Sequence[RecognitionRecord]) -> Table:
    axes = sorted({axis for record in records for axis in record.by_axis})
    table = Table(title="recognition by what the variations of a task vary (top-1)")
    for column in ("checkpoint", "classes", *axes):
        table.add_column(column)
    for record in records:
        known = [record.by_axis.get(axis) for axis in axes]
        cells = ["" if r is None else f"{r.value:.0%} of {r.count}" for r in known]
        table.add_row(record.checkpoint, record.class_set, *cells)
    return table


def _pairs(pairs: Sequence[NamingPair]) -> Table:
    table = Table(title="the same clips under two checkpoints (McNemar, exact)")
    for column in ("classes", "checkpoints", "difference", "95 % interval", "right alone", "p"):
        table.add_column(column)
    for pair in pairs:
        gain = pair.difference
        table.add_row(
            pair.class_set,
            f"{pair.ours} - {pair.theirs}",
            f"{100 * gain.value:+.1f} points",
            f"{100 * gain.low:+.1f} to {100 * gain.high:+.1f}",
            f"{pair.only_ours} : {pair.only_theirs}",
            f"{pair.p_value:.2g}",
        )
    return table


def _show_agreement(records: Sequence[AlignmentRecord]) -> None:
    for checkpoint in dict.fromkeys(r.checkpoint for r in records):
        own = [r for r in records if (r.checkpoint, r.space) == (checkpoint, "z")]
        show_numbers(own, f"alignment of z_u and z_e over held-out episodes, {checkpoint}")
        found = verdict_on(own)
        print(f"{checkpoint}: {found.name}: {found.because}")
