"""`premotor probe RUN_U RUN_E`: do two models align by themselves, and does it go with success?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
import tyro

from premotor.cli.findings import show_sentences, show_tables
from premotor.cli.progress import StageBars
from premotor.experiments.probe import ProbeConfig, prepare, probe
from premotor.report.probe import sentences, tables
from premotor.worklist import available_cores


@dataclass(frozen=True, kw_only=True)
class ProbeCommand:
    """Freeze two models that were trained apart, fit the two maps alone, and measure.

    The recognizer is that of RUN_U, the policy that of RUN_E: train them with different seeds, the
    one with --pairing.watch-only, the other with --pairing.recognition-every 0.
    """

    probe: Annotated[ProbeConfig, tyro.conf.arg(name="")]
    resume: bool = False  # keep the roll-outs that are there and do the rest
    overwrite: bool = False  # start anew


def command(argv: Sequence[str]) -> int:
    """Run `premotor probe`."""
    wanted = tyro.cli(ProbeCommand, prog="premotor probe", args=list(argv))
    config = wanted.probe
    workers = config.workers or available_cores()
    torch.set_num_threads(workers)
    prepare(config, wanted.resume, wanted.overwrite)
    with StageBars() as bars:
        record = probe(config, workers, bars)
    show_tables(tables(record))
    show_sentences(sentences(record))
    print(f"{config.out}: probe.json, probe.md, probe.svg, features/")
    return 0
