"""Ctrl-C and SIGTERM ask long work to stop: it stops where nothing is lost and can go on."""

import logging
import signal
import threading
from types import FrameType, TracebackType

_log = logging.getLogger(__name__)

STOPPED = 130  # exit code of a command that was asked to stop, as shells have it for Ctrl-C
_ASKING = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """Work was asked to stop, and did; the message says how to go on."""


class StopSignal:
    """While the context lasts, a first Ctrl-C or SIGTERM is only noted; a second one interrupts.

    Contexts nest: what was asked of the inner one is asked of the outer one too, once it has ended.
    In other threads than the main one, which get no signals, it notes nothing.

    Attributes:
        received: Whether a stop was asked for.
    """

    def __init__(self) -> None:
        self.received = False
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt
        self.received = True
        name = signal.Signals(number).name
        _log.warning("%s: what is under way is brought to its end; again to give it up", name)

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _ASKING}
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
            outer = getattr(handler, "__self__", None)
            if self.received and isinstance(outer, StopSignal):
                outer.received = True
