"""The usage of a verb, which is both what people read and what lines are matched against.

    expect owner GROUP NODE [within SPAN]

Words in small letters are written as they are, `a|b` is one of them, words in capitals stand for a
value of that kind, `NODE...` for one or more, and what is in brackets may be left out: words in
their place, options (`to=NODE`) anywhere behind the verb.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from twinbeat.config.diagnostics import did_you_mean, listed, quote

from .values import KINDS, Names
from .words import Word, Wrong

_PART = re.compile(r"\[(?P<optional>[^]]*)]|\S+")


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one word, or of several."""

    text: str

    @property
    def literal(self) -> bool:
        """Whether the word is written as it is, and says nothing."""
        return self.text.islower() and "|" not in self.text

    @property
    def choices(self) -> list[str]:
        """The words that it may be, when these are all."""
        return self.text.split("|") if "|" in self.text else []

    @property
    def many(self) -> bool:
        """Whether more words of the kind may follow."""
        return self.text.endswith("...")

    @property
    def kind(self) -> str:
        """The kind of its value."""
        return self.text.removesuffix("...")


@dataclass(frozen=True)
class Usage:
    """One verb with its words and options, ready to be matched."""

    text: str
    verb: tuple[str, ...] = ()
    parts: tuple[tuple[Slot, ...], ...] = ()
    """Behind the verb: each part is needed, or may be left out as a whole."""
    optional: frozenset[int] = frozenset()
    options: Mapping[str, str] = field(default_factory=dict)
    """Kind by key."""

    @classmethod
    def read(cls, text: str) -> "Usage":
        """Take a usage apart."""
        parts: list[tuple[Slot, ...]] = []
        optional, options = set(), {}
        for found in _PART.finditer(text):
            if found["optional"] and "=" in found["optional"]:
                key, kind = found["optional"].split("=")
                options[key] = kind
                continue
            if found["optional"]:
                optional.add(len(parts))
            parts.append(tuple(Slot(word) for word in (found["optional"] or found[0]).split()))
        verb = tuple(part[0].text for part in takewhile(lambda p: p[0].literal, parts))
        later = {number - len(verb) for number in optional if number >= len(verb)}
        return cls(text, verb, tuple(parts[len(verb) :]), frozenset(later), options)

    def match(self, words: Sequence[Word], names: Names) -> tuple[list[object], dict[str, object]]:
        """Return the values that a line gives: those by place, and those by name; raises `Wrong`.

        A name is an option's key (`_` for `-`), or the word with which an optional part begins.
        """
        reading = _Reading(self, words, names)
        reading.read()
        return reading.places, {key.replace("-", "_"): v for key, v in reading.named.items()}


class _Reading:
    """One line on its way through a usage."""

    def __init__(self, usage: Usage, words: Sequence[Word], names: Names) -> None:
        self.usage = usage
        self.names = names
        self.end = words[-1].column + len(words[-1].text)
        rest = words[len(usage.verb) :]
        self.given = [w for w in rest if not w.quoted and _key(w)]
        self.words = [w for w in rest if w.quoted or not _key(w)]
        self.places: list[object] = []
        self.named: dict[str, object] = {}

    def read(self) -> None:
        """Match everything."""
        for number, part in enumerate(self.usage.parts):
            self._part(part, number in self.usage.optional)
        if self.words:
            raise self._wrong(self.words[0].column, f"{quote(self.words[0].text)} is too much")
        for word in self.given:
            self._option(word)

    def _part(self, part: Sequence[Slot], optional: bool) -> None:
        word = self.words[0] if self.words else None
        if optional and (word is None or (part[0].literal and word.text != part[0].text)):
            return
        for slot in part:
            if slot.literal:
                self._literal(slot)
            elif optional and part[0].literal:
                self.named[part[0].text] = self._slot(slot)
            else:
                self.places.append(self._slot(slot))

    def _literal(self, slot: Slot) -> None:
        word = self._next(quote(slot.text))
        if word.text != slot.text or word.quoted:
            raise self._wrong(word.column, f"{quote(slot.text)} is expected here")

    def _slot(self, slot: Slot) -> object:
        if slot.many:
            return tuple(self._value(w, slot.kind) for w in [self._next(slot.kind), *self._more()])
        word = self._next(listed(slot.choices) or slot.kind)
        if not slot.choices:
            return self._value(word, slot.kind)
        if word.text not in slot.choices:
            hint = did_you_mean(word.text, slot.choices)
            message = f"{quote(word.text)} is not {listed(slot.choices)}"
            raise self._wrong(word.column, message, hint)
        return word.text

    def _more(self) -> Iterator[Word]:
        """Yield the words that go on with a list: up to one with which another part begins."""
        stops = {part[0].text for part in self.usage.parts if part[0].literal}
        while self.words and self.words[0].text not in stops:
            yield self.words.pop(0)

    def _option(self, word: Word) -> None:
        key = _key(word)
        if key not in self.usage.options:
            message = f"{quote(self._verb)} has no option {quote(key)}"
            raise self._wrong(word.column, message, did_you_mean(key, self.usage.options))
        if key in self.named:
            raise self._wrong(word.column, f"{quote(key)} is said twice")
        value = Word(word.text[len(key) + 1 :], word.column + len(key) + 1)
        self.named[key] = self._value(value, self.usage.options[key])

    def _value(self, word: Word, kind: str) -> object:
        read: Callable[[str, Names], object] = KINDS[kind].read
        try:
            return read(word.text, self.names)
        except ValueError as error:
            raise self._wrong(word.column, str(error)) from None

    def _next(self, what: str) -> Word:
        if not self.words:
            raise self._wrong(self.end, f"{what} is missing")
        return self.words.pop(0)

    def _wrong(self, column: int, message: str, hint: str = "") -> Wrong:
        return Wrong(column, message, hint or f"write `{self.usage.text}`")

    @property
    def _verb(self) -> str:
        return " ".join(self.usage.verb)


def _key(word: Word) -> str:
    """Return the key of an option, or nothing."""
    key, equals, _ = word.text.partition("=")
    return key if equals and key.replace("-", "").isalpha() else ""
