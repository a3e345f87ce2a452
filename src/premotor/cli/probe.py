"""`premotor probe RUN_U RUN_E`: do two models align by themselves, and does it go with success?"""

from collections.abc import Sequence

import torch

from premotor.cli.findings import show_sentences, show_tables
from premotor.cli.options import parsed
from premotor.cli.progress import StageBars
from premotor.experiments.probe import ProbeConfig, probe
from premotor.report.probe import sentences, tables
from premotor.worklist import available_cores

_ABOUT = """Freeze two models that were trained apart, fit the two maps alone, and measure.

The recognizer is that of RUN_U, the policy that of RUN_E: train them with different seeds, the one
with --pairing.watch-only, the other with --pairing.recognition-every 0."""


def command(argv: Sequence[str]) -> int:
    """Run `premotor probe`."""
    config = parsed(ProbeConfig, "probe", argv, _ABOUT)
    torch.set_num_threads(config.workers or available_cores())
    with StageBars() as bars:
        record = probe(config, bars)
    show_tables(tables(record))
    show_sentences(sentences(record))
    print(f"{config.out}: probe.json, probe.md, probe.svg, features/")
    return 0
