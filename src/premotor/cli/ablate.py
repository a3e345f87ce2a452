"""`premotor ablate --data DIR`: what each part of the policy is worth, one change at a time."""

import shlex
from collections.abc import Sequence

import torch
from rich.console import Console

from premotor.cli.findings import show_tables
from premotor.cli.options import parsed
from premotor.cli.progress import StageBars
from premotor.experiments.ablate import AblateConfig, ablate
from premotor.experiments.variants import VARIANTS
from premotor.report.ablation import tables
from premotor.worklist import available_cores

_ABOUT = "\n\n".join(
    (
        "Train a preset with one change at a time, acting only, and compare on the same episodes.",
        *(f"{variant.name}: {variant.change}" for variant in VARIANTS.values()),
    )
)


def command(argv: Sequence[str]) -> int:
    """Run `premotor ablate`."""
    config = parsed(AblateConfig, "ablate", argv, _ABOUT)
    torch.set_num_threads(config.workers or available_cores())
    with StageBars() as bars:
        records = ablate(config, shlex.join(["premotor", "ablate", *argv]), bars)
    show_tables(tables(records))
    line = f"written: {config.out}/ablation.json, .md, .svg"
    Console(stderr=True).print(line, soft_wrap=True)
    return 0
