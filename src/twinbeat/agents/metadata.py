"""Read an agent's meta-data: XML from a program that may be anybody's, so nothing is believed.

The reader expands no entities, fetches nothing, and bounds depth, counts and texts. What is not
understood is left out; only what is no meta-data at all is refused.
"""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from twinbeat.core.description import Action, Description, Parameter
from twinbeat.core.text import printable
from twinbeat.core.units import MS, SECOND, Duration

MAX_BYTES = 64 * 1024
_MAX_DEPTH = 16
_MAX_PARAMETERS = 200
_MAX_ACTIONS = 50
_MAX_TEXT = 8000
_MAX_NAME = 100

_TIME = re.compile(r"(\d{1,9})\s*(ms|msec|us|usec|s|sec|m|min|h|hr|)")
_MILLISECONDS = {"ms": 1, "msec": 1, "s": 1000, "sec": 1000, "": 1000, "m": 60_000, "min": 60_000,
                 "h": 3_600_000, "hr": 3_600_000, "us": 0, "usec": 0}  # fmt: skip


class MetadataError(Exception):
    """The text is no meta-data; the exception's text says why, for a person."""


def parse(text: str) -> Description:
    """Return what the meta-data says; raises `MetadataError`."""
    root = _tree(text)
    if root.tag != "resource-agent":
        raise MetadataError(f"its first element is {root.tag[:40]!r}, not resource-agent")
    parameters = [_parameter(each) for each in _some(root, "parameters/parameter", _MAX_PARAMETERS)]
    actions = [_action(each) for each in _some(root, "actions/action", _MAX_ACTIONS)]
    return Description(
        name=_attribute(root, "name"),
        version=_attribute(root, "version"),
        short=_words(root, "shortdesc"),
        long=_words(root, "longdesc"),
        parameters=tuple(p for p in parameters if p.name),
        actions=tuple(a for a in actions if a.name),
    )


def _tree(text: str) -> Element:
    """Parse the XML without any of its dangers; raises `MetadataError`."""
    if not text.strip():
        raise MetadataError("it says nothing")
    if len(text) > MAX_BYTES:
        raise MetadataError(f"it is longer than {MAX_BYTES} characters")
    builder, depth = TreeBuilder(), 0
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise MetadataError("its elements nest too deeply")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise MetadataError("it declares entities, which no meta-data needs")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(text.strip(), True)
    except expat.ExpatError as error:
        raise MetadataError(f"it is no XML: {error}") from None
    root: Element = builder.close()
    return root


def _parameter(element: Element) -> Parameter:
    content = element.find("content")
    return Parameter(
        name=_attribute(element, "name"),
        kind=_attribute(content, "type").lower() or "string",
        default=None if content is None else _text(content.get("default")),
        required=_true(element, "required"),
        unique=_true(element, "unique"),
        short=_words(element, "shortdesc"),
        long=_words(element, "longdesc"),
    )


def _action(element: Element) -> Action:
    depth = _attribute(element, "depth")
    return Action(
        name=_attribute(element, "name"),
        timeout=_time(_attribute(element, "timeout")),
        interval=_time(_attribute(element, "interval")),
        depth=int(depth) if depth.isdecimal() and len(depth) < 6 else 0,
        role=_attribute(element, "role"),
    )


def _some(root: Element, path: str, most: int) -> Iterator[Element]:
    for number, element in enumerate(root.iterfind(path)):
        if number == most:
            return
        yield element


def _attribute(element: Element | None, name: str) -> str:
    return printable((element.get(name) or "") if element is not None else "")[:_MAX_NAME]


def _true(element: Element, name: str) -> bool:
    return _attribute(element, name).lower() in ("1", "true", "yes")


def _words(element: Element, tag: str) -> str:
    """Return a description: the English one, or else the first."""
    found = element.findall(tag)
    chosen = next((each for each in found if each.get("lang", "en")[:2] == "en"), None)
    chosen = chosen if chosen is not None else next(iter(found), None)
    return "" if chosen is None else _text("".join(chosen.itertext())) or ""


def _text(raw: str | None) -> str | None:
    if raw is None:
        return None
    lines = (printable(line.expandtabs().rstrip()) for line in raw.strip().splitlines())
    return "\n".join(lines)[:_MAX_TEXT]


def _time(text: str) -> Duration | None:
    found = _TIME.fullmatch(text.strip().lower())
    if not found:
        return None
    span = Duration(int(found[1]) * _MILLISECONDS[found[2]] * MS)
    return span if 0 < span <= 24 * 3600 * SECOND else None
