"""What is typed after a command, as a configuration: one way for all commands."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import fields, is_dataclass
from io import StringIO
from typing import Any, TypeVar

import tyro

from premotor.errors import ConfigError
from premotor.settings import check_numbers

Options = TypeVar("Options")


def parsed(
    kind: type[Options] | Callable[..., Options],
    command: str,
    arguments: Sequence[str],
    description: str | None = None,
) -> Options:
    """The options of a command.

    Args:
        kind: The dataclass they make, or what makes it.
        command: Name of the command, for its help.
        arguments: What is typed after the name.
        description: Of the command; None = the docstring of `kind`.

    Raises:
        ConfigError: A value that cannot be meant; tyro itself refuses what is no value at all.
    """
    for text in arguments:
        if "\0" in text:
            raise ConfigError(f"{text!r} holds a zero byte, which no option of ours has; remove it")

    def parse() -> Options:
        return tyro.cli(
            kind, prog=f"premotor {command}", description=description, args=list(arguments)
        )

    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            options = parse()
    except SystemExit as end:
        if refusal := _refusal_behind(end):
            raise refusal from None
        options = parse()  # ends in the same way, and says why, or the help
    check_numbers(options)
    _check_empty(options, arguments)
    return options


def _refusal_behind(error: BaseException | None) -> ConfigError | None:
    """What a configuration said of its values; tyro would tell it as a mistake in the syntax."""
    while error is not None and not isinstance(error, ConfigError):
        error = error.__cause__ or error.__context__
    return error


def _check_empty(options: Any, arguments: Sequence[str]) -> None:
    """Refuse an empty text, often an unset variable of the shell, but where it is a value."""
    meant = set(_empty_texts(options))
    for place, text in enumerate(arguments):
        before = arguments[place - 1] if place else ""
        name = text[:-1] if text.startswith("--") and text.endswith("=") else before
        if text and name is before:
            continue
        if name.rpartition(".")[2].lstrip("-").replace("-", "_") not in meant:
            whose = f"of {name} " if name.startswith("--") else ""
            raise ConfigError(
                f"a value {whose}is empty, a name was expected; look whether a variable of the "
                "shell is unset"
            )


def _empty_texts(value: Any) -> Iterator[str]:
    """Names of all fields that hold an empty text."""
    for field in fields(value):
        part = getattr(value, field.name)
        if is_dataclass(part):
            yield from _empty_texts(part)
        elif part == "":
            yield field.name
