"""Pickles as plain values: read step by step, and nothing that they name is called.

Python's own reader imports and calls what a pickle tells it to. Here a pickle can make None, truth
values, numbers, texts, lists, tuples, dicts, and `Call`s and `Made` objects, which are records of
what it wanted to have called; whoever reads decides what they stand for. The opcodes are those of
protocols 0 to 4 that torch writes (Python's documentation, `pickletools`).
"""

import io
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Key = str | int | float | bool | None  # what a dict is asked by; nothing that could be deep
_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
_LITERALS = {
    *("INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUT = {"PUT", "BINPUT", "LONG_BINPUT"}
_GET = {"GET", "BINGET", "LONG_BINGET"}
_IDLE = {"PROTO", "FRAME"}


class NotPlain(ValueError):
    """A pickle that is broken, or asks for more than plain values."""


@dataclass(frozen=True)
class Name:
    """A function or class that a pickle names."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


ORDERED = Name("collections", "OrderedDict")


@dataclass(eq=False)
class Call:
    """A call that a pickle asks for, and that was not made."""

    function: Name
    arguments: tuple[Any, ...]


@dataclass(eq=False)
class Made:
    """An object of a class of the pickle's own; its state is what would have been put in."""

    kind: Name
    state: Any = None


@dataclass(eq=False)
class Persistent:
    """What the pickle keeps outside of itself, by its key."""

    key: Any


def decode(file: io.BytesIO, accept: Callable[[Name], bool]) -> Any:
    """The next pickle of a file, which is then read up to its end.

    Args:
        file: In memory, so that no length in it can ask for more.
        accept: Whether a name may stand in the pickle.

    Raises:
        NotPlain: It is broken, names something else, or asks for something else.
    """
    machine = _Machine(accept)
    try:
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == "STOP":
                return machine.top()
            machine.step(opcode.name, argument)
    except NotPlain:
        raise
    except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
        raise NotPlain(f"a broken pickle: {error or type(error).__name__}") from error
    raise NotPlain("a pickle without end")


class _Machine:
    """The stack and the memory of one pickle."""

    def __init__(self, accept: Callable[[Name], bool]) -> None:
        self.accept = accept
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Do what one opcode says."""
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in _PUT:
            self.memory[int(argument)] = self.top()
        elif name in _GET:
            self.stack.append(self.memory[int(argument)])
        elif name in _TUPLES:
            self._tuple(_TUPLES[name])
        elif name not in _IDLE:
            act = getattr(self, f"_on_{name.lower()}", None)
            if act is None:
                raise NotPlain(f"a pickle that asks for {name}, which no file of tensors needs")
            act(argument)

    def top(self) -> Any:
        """What was put there last."""
        if not self.stack or self.stack[-1] is _MARK:
            raise NotPlain("a broken pickle: nothing where a value is expected")
        return self.stack[-1]

    def _pop(self) -> Any:
        value = self.top()
        self.stack.pop()
        return value

    def _since_mark(self) -> list[Any]:
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                values = self.stack[place + 1 :]
                del self.stack[place:]
                return values
        raise NotPlain("a broken pickle: no mark")

    def _tuple(self, count: int) -> None:
        values = [self._pop() for _ in range(count)]
        self.stack.append(tuple(reversed(values)))

    def _on_mark(self, _: None) -> None:
        self.stack.append(_MARK)

    def _on_memoize(self, _: None) -> None:
        self.memory[len(self.memory)] = self.top()

    def _on_tuple(self, _: None) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _on_list(self, _: None) -> None:
        self.stack.append(self._since_mark())

    def _on_dict(self, _: None) -> None:
        values = self._since_mark()
        self.stack.append({})
        self._set_items(values)

    def _on_append(self, _: None) -> None:
        value = self._pop()
        self._list().append(value)

    def _on_appends(self, _: None) -> None:
        values = self._since_mark()
        self._list().extend(values)

    def _list(self) -> list[Any]:
        target = self.top()
        if not isinstance(target, list):
            raise NotPlain(f"a broken pickle: {type(target).__name__} where a list is expected")
        return target

    def _on_setitem(self, _: None) -> None:
        value, key = self._pop(), self._pop()
        self._set_items([key, value])

    def _on_setitems(self, _: None) -> None:
        self._set_items(self._since_mark())

    def _set_items(self, values: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, dict) or len(values) % 2:
            raise NotPlain("a broken pickle: entries without a dict or a value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, Key):
                raise NotPlain(f"a dict that is asked by a {type(key).__name__}")
            target[key] = value

    def _on_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._name(module, name)

    def _on_stack_global(self, _: None) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise NotPlain("a broken pickle: a name that is no text")
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        found = Name(module, name)
        if not self.accept(found):
            raise NotPlain(f"it names {found}, which would have to be run")
        self.stack.append(found)

    def _on_reduce(self, _: None) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise NotPlain("a broken pickle: a call of what is no function")
        made = {} if function == ORDERED and not arguments else Call(function, arguments)
        self.stack.append(made)

    def _on_newobj(self, _: None) -> None:
        arguments, kind = self._pop(), self._pop()
        if not isinstance(kind, Name) or arguments != ():
            raise NotPlain("a broken pickle: an object of what is no class")
        self.stack.append(Made(kind))

    def _on_build(self, _: None) -> None:
        state, target = self._pop(), self.top()
        if isinstance(target, Made):
            target.state = state
        elif not isinstance(target, dict):  # of an ordered one: notes of torch on versions
            raise NotPlain(f"state for a {type(target).__name__}")

    def _on_binpersid(self, _: None) -> None:
        self.stack.append(Persistent(self._pop()))
