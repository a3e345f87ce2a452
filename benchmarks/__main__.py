"""Print every figure; `python -m benchmarks simulator` prints one group."""

import importlib
import os
import subprocess
import sys

GROUPS = (
    *("simulator", "peers", "training", "datapath", "optimizers", "gradients", "policy"),
    *("network", "gpu", "parity", "recognizer", "watching", "contrast", "alignment", "coverage"),
    "procedure",
    "against",
)


def main() -> None:
    """Run the groups named on the command line, or all; each in a process of its own.

    So no group pays for what another imports, in time or in memory.
    """
    names = sys.argv[1:] or GROUPS
    if unknown := [name for name in names if name not in GROUPS]:
        sys.exit(f"no group {unknown[0]!r}; there are {', '.join(GROUPS)}")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("LP_NUM_THREADS", "0")
    if len(names) == 1:
        print(f"\n{names[0]}")
        importlib.import_module(f"benchmarks.{names[0]}").main()
        return
    failed = [name for name in names if subprocess.run(_command(name), check=False).returncode]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks", name]


if __name__ == "__main__":
    main()
