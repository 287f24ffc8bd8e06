"""Read `authkeys`: which key signs, and which keys are accepted.

The rules are Heartbeat 3.0.6's, with sha256 added. No word of this file is ever repeated in a
diagnostic, not even a wrong method's name: it may be the secret, one blank too early.
"""

import re

from twinbeat.core.model import Key, Keyring

from .diagnostics import Mark, Report
from .text import Line, Source, lines

METHODS = ("crc", "md5", "sha1", "sha256")
MAX_KEY_NUMBER = 15
SHORT_SECRET = 16
"""Bytes below which a secret can be guessed from one recorded packet."""

_AUTH = re.compile(r"auth[ \t]*([+-]?[0-9]{1,9})")
_KEY = re.compile(r"([+-]?[0-9]{1,9})[ \t]*([^ \t]+)[ \t]*([^ \t]*)[ \t]*(.*)", re.DOTALL)
_FORM = "`auth 1` on one line, and after it `1 sha256 SECRET`"


def read_authkeys(source: Source, report: Report) -> Keyring | None:
    """Read the keys; None when there is an error, and then the report says which."""
    if source.mode is not None and source.mode & 0o044:
        report.error(
            Mark(source.path),
            f"others than its owner can read this file (mode {source.mode & 0o777:o})",
            "Whoever knows the key can command the cluster.",
            f"chmod 600 {source.path}",
        )
    reader = _Reader(source, report)
    for line in lines(source):
        if report.full:
            break
        reader.line(line)
    return reader.keyring()


class _Reader:
    def __init__(self, source: Source, report: Report) -> None:
        self._whole = Mark(source.path)
        self._report = report
        self._failed = False
        self._chosen: int | None = None
        self._chosen_at = self._whole
        self._active: int | None = None
        self._keys: dict[int, Key] = {}
        self._lines: dict[int, Mark] = {}

    def line(self, line: Line) -> None:
        """Take in one line: blank, a comment, `auth N`, or a key."""
        text = line.text.lstrip(" \t")
        mark = Mark(line.mark.file, line.mark.line, len(line.text) - len(text) + 1)
        if line.too_long(self._report):
            self._failed = True
        elif text.startswith("a"):
            self._auth(text, mark)
        elif text.strip(" \t") and not text.startswith("#"):
            self._key(text, mark)

    def keyring(self) -> Keyring | None:
        """Return all keys, once the file has been read."""
        if self._chosen is None:
            if not self._failed:
                self._error(self._whole, "no `auth` line says which key signs", hint=_FORM)
        elif self._active is None:
            late = self._lines.get(self._chosen)
            if late:
                self._error(
                    self._chosen_at,
                    f"`auth {self._chosen}` stands below its key (line {late.line})",
                    "Heartbeat reads from top to bottom and does not find the key.",
                    "move the `auth` line above the keys",
                )
            elif not self._failed:
                self._error(self._chosen_at, f"there is no key {self._chosen}", hint=_FORM)
        if self._failed or self._active is None:
            return None
        self._judge(self._active)
        return Keyring(active=self._active, keys=self._keys)

    def _auth(self, text: str, mark: Mark) -> None:
        found = _AUTH.match(text)
        if found:
            self._chosen, self._chosen_at = int(found.group(1)), mark
        else:
            self._error(mark, "a line that begins with `a` must be `auth` and a number", hint=_FORM)

    def _key(self, text: str, mark: Mark) -> None:
        found = _KEY.match(text)
        if not found:
            self._error(
                mark,
                "this line is neither `auth N`, nor a key, nor a comment",
                hint="a comment begins with `#`; a key is a number, a method and a secret",
            )
            return
        number, (method, secret, rest) = int(found.group(1)), found.groups()[1:]
        if not 0 <= number <= MAX_KEY_NUMBER:
            self._error(mark, f"key numbers run from 0 to {MAX_KEY_NUMBER}")
        elif method not in METHODS:
            glued = next((m for m in reversed(METHODS) if method.startswith(m)), "")
            self._error(
                mark,
                f"key {number} has no method that is known",
                hint=f"put a blank after {glued}" if glued else f"one of {', '.join(METHODS)}",
            )
        elif method == "crc" and secret:
            self._error(
                mark,
                f"key {number} is crc, which takes no secret, but a word follows",
                "Even a remark counts as one, as in Heartbeat.",
                "put the remark on a line of its own",
            )
        elif method != "crc" and not secret:
            self._error(mark, f"key {number} has no secret", hint=_FORM)
        else:
            self._keys[number] = Key(number, method, _bytes(secret))
            self._lines[number] = mark
            if number == self._chosen:
                self._active = number
            if rest and not rest.startswith("#"):
                self._report.warning(
                    mark,
                    f"more than one word follows the method of key {number}",
                    "Only the first word is the secret; the rest counts for nothing.",
                )

    def _judge(self, active: int) -> None:
        """Warn of what is allowed, but weak."""
        if self._chosen != active:
            self._report.warning(
                self._chosen_at,
                f"this `auth` line comes too late: key {active} signs",
                "Only the `auth` line above a key can choose it.",
            )
        for number, key in self._keys.items():
            mark = self._lines[number]
            if key.method == "crc" and number == active:
                self._report.warning(
                    mark,
                    f"key {number} is crc, which proves nothing",
                    "Anybody who can send a packet to this node can command the cluster.",
                    "use sha256, or sha1 with Heartbeat peers",
                )
            elif key.method == "crc":
                self._report.warning(
                    mark,
                    f"key {number} is crc and does not sign",
                    "Packets signed with it are rejected: Heartbeat would accept forged ones.",
                )
            elif len(key.secret) < SHORT_SECRET:
                self._report.warning(
                    mark,
                    f"the secret of key {number} is shorter than {SHORT_SECRET} characters",
                    "It can be guessed from one recorded packet.",
                    "`twinbeat init` makes a good one",
                )

    def _error(self, mark: Mark, message: str, consequence: str = "", hint: str = "") -> None:
        self._failed = True
        self._report.error(mark, message, consequence, hint)


def _bytes(secret: str) -> bytes:
    """Return the secret as it stands in the file, byte for byte."""
    try:
        return secret.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return secret.encode(errors="surrogatepass")
