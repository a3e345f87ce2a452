"""Frozen dataclasses as JSON or YAML, and back: strictly, every fault with its place.

Whatever the package writes down for itself goes through here: records, configurations, episodes.
A number may be NaN or infinite, which Python's JSON and YAML write and read (the JSON standard has
neither): a value that could not be computed must not stop a run.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, asdict, fields, is_dataclass
from functools import cache
from pathlib import Path, PurePath
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
import yaml

from premotor.errors import ConfigError, DataError
from premotor.limits import CONFIG, check_most, read_bytes

Kind = TypeVar("Kind")
Part = tuple[Any, Any, str]  # type, plain value, place

_REMEDY = "mend it or make it anew"
_YAML = "tag:yaml.org,2002:"
_DEPTH = 100  # levels in each other; a configuration has about five


class Excerpt:
    """Base of dataclasses that have a few fields of a file: all others are passed over."""


def to_json(value: Any, indent: int | None = None, sort_keys: bool = False) -> str:
    """A dataclass, or a list of them, as JSON; on one line unless indented."""
    return json.dumps(value, indent=indent, sort_keys=sort_keys, default=_plain) + "\n"


def from_json(data: bytes, source: str) -> Any:
    """The plain values that a JSON text holds.

    Raises:
        DataError: It is not JSON.
    """
    try:
        return json.loads(data)
    except ValueError as error:
        raise DataError(f"{source}: not JSON: {error}; {_REMEDY}") from error
    except RecursionError as error:
        raise DataError(f"{source}: nested too deeply to be a record; {_REMEDY}") from error


def to_yaml(config: Any) -> str:
    """A configuration dataclass as YAML, fields in their order."""
    return yaml.dump(asdict(config), Dumper=_Dumper, sort_keys=False, width=100)


def from_yaml(kind: type[Kind], text: str, source: str) -> Kind:
    """Read a configuration written by `to_yaml`; fields that are not named keep their defaults.

    Args:
        kind: The dataclass to build.
        text: The YAML.
        source: Where the text comes from, for messages.

    Raises:
        ConfigError: The text is not YAML, or not that of a `kind`; it is nested deeper than any
            configuration, or refers to parts of itself.
    """
    try:
        check_most(len(text), CONFIG, source)
        return restore(kind, yaml.load(text, Loader=_Loader), source)
    except (yaml.YAMLError, ValueError) as error:  # the latter of dates and numbers that are none
        raise ConfigError(f"{source}: not YAML: {error}") from error
    except DataError as error:
        raise ConfigError(str(error)) from error


def read_yaml(kind: type[Kind], path: Path) -> Kind:
    """Read a file written by `to_yaml`; see `from_yaml`.

    Raises:
        DataError: It is no file, no text, or larger than any configuration.
        ConfigError: Its content is not that of a `kind`.
        OSError: It cannot be read.
    """
    try:
        text = read_bytes(path, CONFIG).decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text (UTF-8): {error}; name a file of YAML") from error
    return from_yaml(kind, text, str(path))


def restore(kind: type[Kind], raw: object, source: str) -> Kind:
    """A dataclass from plain values: None, bool, int, float, str, list, dict.

    Nothing is turned into another type, except that an integer may stand for a float, a list for a
    tuple and a string for a path. Fields with a default may be left out. A dataclass with a class
    method `of_before` gets its plain fields through that, as an earlier version wrote them.

    Args:
        kind: The dataclass to build.
        raw: Its fields.
        source: File and line, for messages.

    Raises:
        DataError: A field is unknown, missing or of another type, or the dataclass refuses it.
    """
    raw = _as_today(kind, raw)
    if faults := "; ".join(_misnamed(kind, raw, kind.__name__)):
        raise DataError(f"{source}: {faults}; {_REMEDY}")
    try:
        return msgspec.convert(raw, kind, dec_hook=_custom)
    except RecursionError as error:
        raise DataError(f"{source}: nested too deeply to be a record; {_REMEDY}") from error
    except msgspec.ValidationError as error:
        fault = _misfit(kind, raw, kind.__name__)
        raise DataError(f"{source}: {fault}; {_REMEDY}") from error


def renamed(raw: dict[str, Any], **former: str) -> dict[str, Any]:
    """Plain fields by today's names, given as `today="former"`; for `of_before`."""
    today = {old: new for new, old in former.items()}
    return {today.get(name, name): value for name, value in raw.items()}


def _as_today(kind: Any, raw: Any) -> Any:
    """A plain value with all fields of all dataclasses in it as they are written today."""
    if not _has_past(kind):
        return raw
    if is_dataclass(kind) and isinstance(raw, dict):
        before = getattr(kind, "of_before", None)
        own = before(raw) if before else raw
        past = _past(kind)
        return own | {n: _as_today(past[n], own[n]) for n in past.keys() & own.keys()}
    args = [part for part in get_args(kind) if _has_past(part)]
    if not args:
        return raw
    if isinstance(raw, list):
        return [_as_today(args[0], part) for part in raw]
    if isinstance(raw, dict) and get_origin(kind) not in (Union, UnionType):
        return {name: _as_today(args[0], part) for name, part in raw.items()}
    return _as_today(args[0], raw) if isinstance(raw, dict) else raw


def _plain(value: Any) -> Any:
    """What `json` does not know, in what it does."""
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"no file of ours holds a {type(value).__name__}: {value!r}")


def _custom(kind: type, raw: Any) -> Any:
    """What `msgspec` does not know; it has checked the type of everything else."""
    if kind is Path and isinstance(raw, str):
        return Path(raw)
    raise TypeError(f"Expected `str`, got `{type(raw).__name__}`")


def _misnamed(kind: Any, raw: Any, place: str) -> Iterator[str]:
    """Unknown and missing fields of all dataclasses in a value; `msgspec` lets the unknown pass."""
    if is_dataclass(kind) and isinstance(raw, dict):
        known, needed = _names(kind)
        if (unknown := raw.keys() - known) and not _is_excerpt(kind):
            yield f"{place}: unknown {_listed(unknown)}; expected {_listed(known)}"
        if missing := needed - raw.keys():
            yield f"{place}: missing {_listed(missing)}"
        if _is_flat(kind):
            return
    for part in _parts(kind, raw, place):
        if _holds_fields(part[0]):
            yield from _misnamed(*part)


def _misfit(kind: Any, raw: Any, place: str) -> str:
    """The innermost value that is not what it should be; "" where there is none."""
    try:
        msgspec.convert(raw, kind, dec_hook=_custom)
    except msgspec.ValidationError as error:
        within = (_misfit(*part) for part in _parts(kind, raw, place))
        return next(filter(None, within), "") or f"{place}: {_in_words(kind, raw, error)}"
    return ""


def _in_words(kind: Any, raw: Any, error: msgspec.ValidationError) -> str:
    if get_origin(kind) is Literal:
        return f"expected one of {_listed(get_args(kind))}, got {raw!r}"
    text = str(error)
    if not text.startswith("Expected"):
        return text  # the dataclass's own words
    for theirs, ours in (("`", ""), ("object", "names with values"), ("array", "list")):
        text = text.replace(theirs, ours)
    came = f" ({raw!r})" if isinstance(raw, str | int | float) else ""
    return text.replace("Expected", "expected") + came


def _parts(kind: Any, raw: Any, place: str) -> Iterator[Part]:
    """What a value consists of."""
    origin, args = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(raw, dict):
        types = _types(kind)
        yield from ((types[n], v, f"{place}.{n}") for n, v in raw.items() if n in types)
    elif origin in (Union, UnionType) and isinstance(raw, dict | list):
        yield from ((member, raw, place) for member in args if member is not NoneType)
    elif isinstance(raw, dict) and len(args) == 2 and origin is not tuple:
        yield from ((args[1], v, f"{place}[{n}]") for n, v in raw.items())
    elif isinstance(raw, list) and origin in (list, tuple):
        alike = origin is list or args[1:] == (...,)
        pairs = zip(args[:1] * len(raw) if alike else args, raw, strict=False)
        yield from ((part, v, f"{place}[{i}]") for i, (part, v) in enumerate(pairs))


@cache
def _names(kind: Any) -> tuple[frozenset[str], frozenset[str]]:
    """Names of a dataclass's fields, and of those without a default."""
    without = [f for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    return frozenset(f.name for f in fields(kind)), frozenset(f.name for f in without)


@cache
def _types(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


@cache
def _holds_fields(kind: Any) -> bool:
    """Whether a type is a dataclass or made of some."""
    return is_dataclass(kind) or any(_holds_fields(part) for part in get_args(kind))


@cache
def _has_past(kind: Any) -> bool:
    """Whether a type is, or is made of, a dataclass that earlier versions wrote otherwise."""
    if is_dataclass(kind):
        return hasattr(kind, "of_before") or bool(_past(kind))
    return any(map(_has_past, get_args(kind)))


@cache
def _past(kind: Any) -> dict[str, Any]:
    """Types of those fields of a dataclass that have a past themselves."""
    return {name: part for name, part in _types(kind).items() if _has_past(part)}


@cache
def _is_flat(kind: Any) -> bool:
    """Whether a dataclass holds no other; most records do not, and many lines hold them."""
    return not any(_holds_fields(part) for part in _types(kind).values())


def _is_excerpt(kind: Any) -> bool:
    return issubclass(kind, Excerpt)


def _listed(names: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, names)))


class _Dumper(yaml.SafeDumper):
    """YAML with lists on one line."""


class _Loader(yaml.SafeLoader):
    """YAML in which 2e-3 is a number, as in version 1.2; a tree, not too deep, each name once."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            where = f"the alias *{event.anchor}"
            raise yaml.YAMLError(f"{where} refers to another part; write out what it stands for")
        if self.depth == _DEPTH:
            raise yaml.YAMLError(f"nested more than {_DEPTH} levels deep")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep)
        if len(found) < len(node.value):
            names = [key.value for key, _ in node.value]
            twice = _listed({repr(name) for name in names if names.count(name) > 1})
            raise yaml.YAMLError(f"{twice} stands there twice; keep one")
        return found


def _on_one_line(dumper: yaml.SafeDumper, items: Any) -> yaml.Node:
    return dumper.represent_sequence(f"{_YAML}seq", items, flow_style=True)


_Dumper.add_representer(list, _on_one_line)
_Dumper.add_representer(tuple, _on_one_line)
_Dumper.add_multi_representer(PurePath, lambda dumper, path: dumper.represent_str(str(path)))
_Loader.add_implicit_resolver(
    f"{_YAML}float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)
