"""A line of a scenario, cut into words that know where they stand."""

import re
from dataclasses import dataclass

_WORD = re.compile(r'"(?P<quoted>[^"]*)(?P<end>"?)|(?P<comment>#.*)|(?P<plain>\S+)')


@dataclass(frozen=True, slots=True)
class Word:
    """One word, or one text that stood in double quotes."""

    text: str
    column: int
    """From 1."""
    quoted: bool = False


class Wrong(Exception):  # noqa: N818 - it says what happened
    """A line is not understood; the text says why, `hint` what to do, `column` where (from 1)."""

    def __init__(self, column: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.column = column
        self.hint = hint


def words_of(line: str) -> list[Word]:
    """Return the words of a line up to its comment; raises `Wrong` for a quote that is not closed.

    A comment begins with a `#` at the start of a word.
    """
    words = []
    for found in _WORD.finditer(line):
        column = found.start() + 1
        if found["comment"] is not None:
            break
        if found["quoted"] is None:
            words.append(Word(found["plain"], column))
            continue
        if not found["end"]:
            raise Wrong(column, "the text in quotes has no end", 'close it with a second `"`')
        words.append(Word(found["quoted"], column, quoted=True))
    return words
