"""Ctrl-C, SIGTERM and a lost terminal ask long work to stop: where nothing is lost.

A terminal that goes (SIGHUP) asks for nothing where `nohup` has it ignored.
"""

import ctypes
import logging
import os
import signal
import sys
import threading
import time
from types import FrameType

_log = logging.getLogger(__name__)

STOPPED = 130  # exit code of a command that was asked to stop, as shells have it for Ctrl-C
PARENT = "PREMOTOR_PARENT"  # number of the process that started this one, for it alone
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
SAME = 2.0  # [s] a signal that comes so soon after the first one asks for nothing more


def asking() -> tuple[signal.Signals, ...]:
    """The signals that ask this process to stop."""
    always = (signal.SIGINT, signal.SIGTERM)
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return always if ignored else (*always, signal.SIGHUP)


def die_with_parent() -> None:
    """Have the system kill this process when the one that started it ends, however that ends.

    A parent that tells its number in PREMOTOR_PARENT may have ended before: then this one ends too.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    parent = os.environ.get(PARENT, "")
    if parent.isdigit() and int(parent) != os.getppid():
        os._exit(128 + signal.SIGKILL)


class Stopped(KeyboardInterrupt):
    """Work was asked to stop, and did; the message says how to go on."""


class StopSignal:
    """While the context lasts, a first signal that asks is only noted; a later one interrupts.

    Contexts nest: what was asked of the inner one is asked of the outer one too, once it has ended.
    In other threads than the main one, which get no signals, it notes nothing. Launchers pass on
    what the terminal has sent to all already: signals in quick succession are one.

    Attributes:
        received: Whether a stop was asked for.
    """

    def __init__(self, answer: str = "") -> None:
        """Listen.

        Args:
            answer: What the log says when a stop is asked for.
        """
        self.received = False
        self._answer = answer
        self._since = 0.0
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.received and now - self._since > SAME:
            raise KeyboardInterrupt
        if not self.received:
            self.received, self._since = True, now
            if self._answer:
                _log.warning("%s: %s", signal.Signals(number).name, self._answer)

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in asking()}
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
            outer = getattr(handler, "__self__", None)
            if self.received and isinstance(outer, StopSignal):
                outer.received, outer._since = True, self._since  # noqa: SLF001
