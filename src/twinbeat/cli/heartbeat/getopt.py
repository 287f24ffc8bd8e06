"""Options as the C library's getopt reads them, with its messages: scripts know both."""

import sys
from collections.abc import Iterator

WRONG = "?"
"""The letter of an option that is none, or whose argument is missing; it was complained about."""


class Options:
    """Options of one command line, in the order they stand; the other words are `operands`.

    `letters` names those that are known; one with a colon behind it takes an argument, in the same
    word or in the next. Options may stand behind operands; `--` ends them.
    """

    def __init__(self, program: str, words: list[str], letters: str) -> None:
        self.operands: list[str] = []
        self._program = program
        self._words = list(words)
        self._letters = letters

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield each option's letter with its argument, or `WRONG`."""
        while self._words:
            word = self._words.pop(0)
            if word == "--":
                self.operands += self._words
                return
            if not word.startswith("-") or word == "-":
                self.operands.append(word)
                continue
            yield from self._cluster(word[1:])

    def _cluster(self, rest: str) -> Iterator[tuple[str, str]]:
        while rest:
            letter, rest = rest[0], rest[1:]
            if letter not in self._letters or letter == ":":
                yield self._wrong(f"invalid option -- '{letter}'")
            elif f"{letter}:" not in self._letters:
                yield letter, ""
            elif rest:
                yield letter, rest
                return
            elif self._words:
                yield letter, self._words.pop(0)
            else:
                yield self._wrong(f"option requires an argument -- '{letter}'")

    def _wrong(self, what: str) -> tuple[str, str]:
        print(f"{self._program}: {what}", file=sys.stderr)
        return WRONG, ""
