"""Loops over points as machine code, made by numba when they are first called (decisions D72).

No compiler is asked for. What was made is kept where numba keeps it: beside the source or, where
that cannot be written, in the user's cache folder (it is code, and belongs where code is trusted).
Where there is no such place it is made anew.
"""

import inspect
import logging
import pickle
from collections.abc import Callable
from functools import cached_property
from typing import Any

_UNKEPT = (OSError, RuntimeError, EOFError, pickle.UnpicklingError)  # no place, no room, damaged
_log = logging.getLogger(__name__)


class Kernel:
    """A function of arrays, numbers and named tuples of these, which fills arrays it is given.

    It lets other threads of Python run meanwhile, and rounds each operation as numpy does: nothing
    is reordered or fused, so that the numbers are those of the plain loop.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        # Under test a wrapper checks what the function is given; numba must see the function.
        self.plain = inspect.unwrap(function)

    def __call__(self, *arguments: Any) -> None:
        try:
            self._machine_code(*arguments)
        except _UNKEPT as error:
            _log.debug("%s is not kept: %s", self.plain.__name__, error)
            self._machine_code = _just_in_time(self.plain, kept=False)
            self._machine_code(*arguments)

    @cached_property
    def _machine_code(self) -> Callable[..., None]:
        return _just_in_time(self.plain, kept=True)


def _just_in_time(function: Callable[..., None], kept: bool) -> Callable[..., None]:
    import numba  # takes a while and memory, which commands that draw nothing do not pay

    return numba.njit(nogil=True, cache=kept)(function)
