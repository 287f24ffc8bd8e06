"""Values as plain JSON and back, derived once from the types that the dataclasses declare.

Nothing here knows a single class of the core: a new event, or a new field, needs no line. What is
written is what a person would write: a dataclass is an object of its fields, one of several classes
stands under the name of its class, and a field that is empty, as it is by default, is left out.
"""

import dataclasses
import ipaddress
import json
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache, partial
from typing import Any, NewType, Union, get_args, get_origin


class Unfit(ValueError):  # noqa: N818 - it says what the value is
    """A plain value that is none of the wanted type; `path` leads to it, the outermost first."""

    def __init__(self, says: str) -> None:
        super().__init__(says)
        self.says = says
        self.path: list[str | int] = []


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """How the values of one type are written and read."""

    plain: Callable[[Any], Any]
    """From a value to plain JSON types; raises `TypeError` for what has no plain form."""
    value: Callable[[Any], Any]
    """Back again; raises `Unfit`."""
    is_text: bool = False
    """Whether every plain form is a text, and so may be the name of a member."""


@cache
def shape(hint: Any) -> Shape:
    """Return the shape of a type; raises `TypeError` for one that has none, or holds a secret."""
    if isinstance(hint, NewType):
        return shape(hint.__supertype__)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_of(args)
    if origin is tuple:
        return _series(args[0]) if args[1:] == (...,) else _fixed(args)
    if origin is frozenset:
        return _set(args[0])
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(*args)
    if hint is object:
        return Shape(_any_plain, _any_value)
    if hint in _ATOMS:
        return _ATOMS[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        is_text = all(type(member.value) is str for member in hint)
        return Shape(lambda value: value.value, lambda plain: _called(hint, plain), is_text)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _record(hint)
    raise TypeError(f"{hint} has no plain form")


# What stands for itself.


def _exactly(kind: type, name: str, also: type | None = None) -> Shape:
    def value(plain: Any) -> Any:
        if type(plain) is not kind and type(plain) is not also:
            raise Unfit(f"{name} was expected")
        return _called(kind, plain)

    return Shape(lambda value: value, value, is_text=kind is str)


def _called(make: Callable[[Any], Any], plain: Any) -> Any:
    """Read what its own class reads."""
    try:
        return make(plain)
    except Unfit:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise Unfit(str(error)) from None


def _address(make: Callable[[str], Any]) -> Shape:
    return Shape(str, lambda plain: _called(make, _TEXT.value(plain)), is_text=True)


def _nothing(plain: Any) -> None:
    if plain is not None:
        raise Unfit("null was expected")


_TEXT = _exactly(str, "a text")
_ATOMS: dict[Any, Shape] = {
    str: _TEXT,
    int: _exactly(int, "a whole number"),
    bool: _exactly(bool, "true or false"),
    float: _exactly(float, "a number", also=int),
    bytes: Shape(bytes.hex, lambda plain: _called(bytes.fromhex, _TEXT.value(plain)), is_text=True),
    types.NoneType: Shape(lambda value: value, _nothing),
    ipaddress.IPv4Address: _address(ipaddress.IPv4Address),
    ipaddress.IPv6Address: _address(ipaddress.IPv6Address),
}


# What holds others.


def _at(place: str | int, read: Callable[[Any], Any], plain: Any) -> Any:
    """Read what lies at a place, and put that into the path of what is unfit there."""
    try:
        return read(plain)
    except Unfit as unfit:
        unfit.path.insert(0, place)
        raise


def _listed(plain: Any) -> list[Any]:
    if type(plain) is not list:
        raise Unfit("a list was expected")
    return plain


def _object(plain: Any) -> dict[str, Any]:
    if type(plain) is not dict:
        raise Unfit("an object was expected")
    return plain


def _read_all(item: Shape, plain: Any) -> list[Any]:
    return [_at(index, item.value, inner) for index, inner in enumerate(_listed(plain))]


def _series(hint: Any) -> Shape:
    item = shape(hint)
    return Shape(
        lambda value: [item.plain(inner) for inner in value],
        lambda plain: tuple(_read_all(item, plain)),
    )


def _fixed(hints: tuple[Any, ...]) -> Shape:
    items = [shape(hint) for hint in hints]

    def value(plain: Any) -> Any:
        if len(_listed(plain)) != len(items):
            raise Unfit(f"a list of {len(items)} was expected")
        read = zip(items, plain, strict=True)
        return tuple(_at(index, item.value, inner) for index, (item, inner) in enumerate(read))

    def plain(value: Any) -> Any:
        return [item.plain(inner) for item, inner in zip(items, value, strict=True)]

    return Shape(plain, value)


def _set(hint: Any) -> Shape:
    item = shape(hint)
    return Shape(
        lambda value: _in_order(item.plain(inner) for inner in value),
        lambda plain: frozenset(_read_all(item, plain)),
    )


def _in_order(plains: typing.Iterable[Any]) -> list[Any]:
    """Return what has no order of its own in one that depends on nothing but the text."""
    return sorted(plains, key=lambda plain: json.dumps(plain, sort_keys=True))


def _mapping(key_hint: Any, hint: Any) -> Shape:
    key, item = shape(key_hint), shape(hint)
    if not key.is_text:
        pairs = _series(tuple[key_hint, hint])
        return Shape(lambda value: pairs.plain(value.items()), lambda p: dict(pairs.value(p)))
    return Shape(
        lambda value: {key.plain(name): item.plain(inner) for name, inner in value.items()},
        lambda plain: {
            _at(name, key.value, name): _at(name, item.value, inner)
            for name, inner in _object(plain).items()
        },
    )


def _one_of(hints: tuple[Any, ...]) -> Shape:
    """Return the shape of alternatives: null stands for None, else a name tells which it is."""
    others = [hint for hint in hints if hint is not types.NoneType]
    if len(others) == 1:
        only = shape(others[0])
        plain, value = only.plain, only.value
    else:
        shapes = {hint.__name__: shape(hint) for hint in others}

        def plain(value: Any) -> Any:
            name = type(value).__name__
            if name not in shapes:
                raise TypeError(f"{name} is none of {', '.join(shapes)}")
            return {name: shapes[name].plain(value)}

        def value(plain: Any) -> Any:
            if type(plain) is not dict or len(plain) != 1:
                raise Unfit("an object with one member was expected, the name of a class")
            ((name, inner),) = plain.items()
            if name not in shapes:
                raise Unfit(f"this version of the program knows no {name} here")
            return _at(name, shapes[name].value, inner)

    if len(others) == len(hints):
        return Shape(plain, value)
    return Shape(
        lambda given: None if given is None else plain(given),
        lambda given: None if given is None else value(given),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    """One field of a dataclass."""

    shape: Shape
    default: Callable[[], Any] | None
    empty: Any
    """The plain form that is left out, in a list; an empty list when the field is always said."""


def _record(kind: type) -> Shape:
    for field in dataclasses.fields(kind):
        if not field.repr:
            raise TypeError(f"{kind.__name__}.{field.name} is kept from view: it is not written")

    @cache
    def fields() -> dict[str, _Field]:
        hints = typing.get_type_hints(kind)
        return {f.name: _field(shape(hints[f.name]), f) for f in dataclasses.fields(kind)}

    def plain(value: Any) -> Any:
        said = {name: f.shape.plain(getattr(value, name)) for name, f in fields().items()}
        return {name: inner for name, inner in said.items() if inner not in fields()[name].empty}

    def value(plain: Any) -> Any:
        for name in _object(plain):
            if name not in fields():
                raise _at(name, _unknown, kind)
        given = {}
        for name, field in fields().items():
            if name in plain:
                given[name] = _at(name, field.shape.value, plain[name])
            elif field.default is None:
                raise Unfit(f"{kind.__name__} lacks {name!r}")
            else:
                given[name] = field.default()
        return _called(lambda known: kind(**known), given)

    return Shape(plain, value)


def _unknown(kind: type) -> Any:
    raise Unfit(f"this version's {kind.__name__} has no such field")


def _field(inner: Shape, field: "dataclasses.Field[Any]") -> _Field:
    default, made = field.default, field.default_factory
    if made is not dataclasses.MISSING:
        make: Callable[[], Any] = made
    elif default is not dataclasses.MISSING:
        make = partial(_itself, default)
    else:
        return _Field(inner, None, [])
    empty = inner.plain(make())
    # A default that says something may be another one day: it is written out.
    return _Field(inner, make, [] if empty else [empty])


def _itself(value: Any) -> Any:
    return value


# What may be anything: the evidence of a record.

_MARKS: dict[str, Callable[[Any], Any]] = {
    "$tuple": lambda items: tuple(_any_value(items)),
    "$frozenset": lambda items: frozenset(_any_value(items)),
    "$mapping": lambda items: dict(_any_value(items)),
    "$bytes": bytes.fromhex,
}
"""Members that tell what JSON has no words for."""


def _any_plain(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, str):
        return value.value if isinstance(value, Enum) else str(value)
    if isinstance(value, list):
        return [_any_plain(inner) for inner in value]
    if isinstance(value, tuple):
        return {"$tuple": [_any_plain(inner) for inner in value]}
    if isinstance(value, frozenset | set):
        return {"$frozenset": _in_order(_any_plain(inner) for inner in value)}
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {str(key): _any_plain(inner) for key, inner in value.items()}
        return {"$mapping": [_any_plain(pair) for pair in value.items()]}
    raise TypeError(f"no plain form is known for a value of {type(value).__name__}")


def _any_value(plain: Any) -> Any:
    if type(plain) is list:
        return [_at(index, _any_value, inner) for index, inner in enumerate(plain)]
    if type(plain) is not dict:
        return plain
    mark = next(iter(plain), "")
    if len(plain) == 1 and mark in _MARKS:
        return _at(mark, lambda inner: _called(_MARKS[mark], inner), plain[mark])
    return {name: _at(name, _any_value, inner) for name, inner in plain.items()}
