"""Print every figure; `python -m benchmarks simulator` prints one group."""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("LP_NUM_THREADS", "0")

from benchmarks import peers, simulator, training

GROUPS = {"simulator": simulator.main, "peers": peers.main, "training": training.main}


def main() -> None:
    """Run the groups named on the command line, or all."""
    for name in sys.argv[1:] or list(GROUPS):
        if name not in GROUPS:
            sys.exit(f"no group {name!r}; there are {', '.join(GROUPS)}")
        print(f"\n{name}")
        GROUPS[name]()


if __name__ == "__main__":
    main()
