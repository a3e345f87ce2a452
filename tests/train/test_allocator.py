import platform
import subprocess
import sys

import pytest

from premotor.train import allocator

# Blocks that glibc takes from the system and hands back, one fault for each page every time.
CHILD = """
import resource, sys
import numpy as np
from premotor.train.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def work():
    blocks = [np.ones(2**19) for _ in range(8)]  # 4 MiB each
    del blocks
    large = np.ones(2**21)  # 16 MiB
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    command = [sys.executable, "-c", CHILD, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's habit")
def test_memory_that_was_freed_is_used_again_without_page_faults():
    assert faults("kept") < 100
    assert faults("given back") > 1000


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    assert not allocator.keep_freed_memory()
