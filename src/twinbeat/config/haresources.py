"""Read `haresources`: each line a preferred node and the resources of one group.

Heartbeat 3.0.6 reads the file with sed and awk, and its order of doing so is kept: first `#` and
what follows is cut, then a line that ends in a backslash is joined with the next one, then words
are split at blanks, and the first one, in lower case, is the node.
"""

from bisect import bisect_right
from itertools import accumulate

from twinbeat.core.model import AddressSpec, AgentKind, ResourceSpec

from .addresses import DOTTED_QUAD, ipaddr_argument, ipv6addr_argument
from .diagnostics import Mark, Report, quote
from .draft import GroupDraft, Said
from .text import Line, Source, Word, lines, lower, placeholder
from .wrappers import WRAPPERS, wrong_arguments

ADDRESS_SCRIPTS = frozenset({"IPaddr", "IPaddr2", "IPv6addr"})
_SCRIPTS = ADDRESS_SCRIPTS | WRAPPERS.keys() - {"apache", "db2", "ids", "ldirectord"}
_SCRIPTS |= {"drbddisk", "drbdupper"}
"""Names whose case matters; init scripts are in lower case anyway."""


def read_haresources(source: Source, report: Report) -> list[GroupDraft]:
    """Read all lines; every finding goes to the report."""
    groups: list[GroupDraft] = []
    for logical in _joined(source, report):
        if report.full:
            break
        words = logical.words()
        if len(words) == 1:
            report.warning(
                words[0].mark,
                f"{quote(words[0].text)} has no resources",
                "The line says nothing: a group is a node and at least one resource.",
            )
        elif words:
            groups.append(_group(words, report))
    return groups


def read_resource(word: Word, report: Report) -> ResourceSpec | None:
    """Read one resource word; None when it is refused, and then the report says why."""
    if DOTTED_QUAD.fullmatch(word.text.partition("/")[0]) and "::" not in word.text:
        script, args = "IPaddr", [word.text]
    elif word.text.startswith("IPv6addr::"):
        # It takes one argument, and that may hold a `::` of its own, which Heartbeat would split.
        script, args = "IPv6addr", [word.text.removeprefix("IPv6addr::")]
    else:
        script, *args = word.text.split("::")
        args = [arg for arg in args if arg]
    if script in ADDRESS_SCRIPTS:
        try:
            address = _address(script, args)
        except ValueError as why:
            report.error(
                word.mark,
                str(why),
                "The group could start on no node.",
                "the form is IPaddr::ADDRESS/PREFIX/INTERFACE[:LABEL][/BROADCAST]",
            )
            return None
        if address:
            return ResourceSpec(name=word.text, agent=AgentKind.IP, address=address)
        report.warning(
            word.mark,
            f"{quote(word.text)} names no address",
            f"It is read as a call of the script {script}, as in Heartbeat, and will fail: the "
            "group will start on no node.",
        )
    elif not _runnable(script, word, report):
        return None
    elif why_not := wrong_arguments(script, args):
        report.warning(
            word.mark,
            why_not,
            "Heartbeat's own script of that name ends with its usage: the group will start on no "
            "node, unless resource.d has another one.",
        )
    return ResourceSpec(
        name="::".join((script, *args)), agent=AgentKind.SCRIPT, script=script, args=tuple(args)
    )


def _group(words: list[Word], report: Report) -> GroupDraft:
    node, key = words[0], words[1]
    group = GroupDraft(name=Said(key.text, key.mark), preferred=Said(lower(node.text), node.mark))
    for word in words[1:]:
        resource = read_resource(word, report)
        if resource:
            group.resources.append(Said(resource, word.mark))
    return group


def _address(script: str, args: list[str]) -> AddressSpec | None:
    if not args:
        return None
    if len(args) > 1:
        raise ValueError(f"{script} takes one argument, and {quote(args[1])} is a second one")
    if script == "IPv6addr":
        return ipv6addr_argument(args[0])
    return ipaddr_argument(args[0], alias=script == "IPaddr")


def _runnable(script: str, word: Word, report: Report) -> bool:
    """Whether a script of that name may be looked up at all; warn where it will not be found."""
    if script in ("", ".", "..", "\\"):
        report.error(
            word.mark,
            f"{quote(word.text)} names no script",
            "" if script != "\\" else "A backslash joins lines only as the very last character.",
            "" if script != "\\" else "take away what follows the backslash, blanks included",
        )
        return False
    if "/" in script:
        if not placeholder(script):
            report.error(
                word.mark,
                f"a script is named without a path, and {quote(script)} has a slash",
                "Scripts are looked up in resource.d and /etc/init.d only, so that nothing else "
                "can be run as root.",
                "put the script into resource.d; arguments are set off by ::",
            )
            return False
        report.warning(
            word.mark,
            f"{quote(word.text)} looks like a variable that nobody filled in",
            "No script can have this name: the group will start on no node.",
        )
    elif placeholder(script):
        report.warning(
            word.mark,
            f"{quote(script)} looks like a variable that nobody filled in",
            "No shell reads this file: a script of exactly this name is looked for.",
        )
    meant = next((name for name in _SCRIPTS if name.lower() == script.lower()), script)
    if meant != script:
        report.warning(
            word.mark,
            f"{quote(script)} is not {quote(meant)}: the case of letters matters",
            f"A script called {script} is looked for.",
            f"did you mean {quote(meant)}?",
        )
    return True


class _Logical:
    """One line of the file after joining, which remembers where its pieces came from."""

    def __init__(self, pieces: list[Line]) -> None:
        self._pieces = pieces
        self._starts = [0, *accumulate(len(piece.text) for piece in pieces[:-1])]

    def words(self) -> list[Word]:
        """Split at blanks; a word that a backslash broke is whole again."""
        joined = Line("".join(piece.text for piece in self._pieces), self._pieces[0].mark)
        return [Word(word.text, self._mark(word.mark.column - 1)) for word in joined.words()]

    def _mark(self, offset: int) -> Mark:
        index = bisect_right(self._starts, offset) - 1
        place = self._pieces[index].mark
        return Mark(place.file, place.line, offset - self._starts[index] + 1)


def _joined(source: Source, report: Report) -> list[_Logical]:
    result: list[_Logical] = []
    waiting: list[Line] = []
    for line in lines(source):
        text = line.before_comment()
        if not text.sound(report):
            continue
        if text.text.endswith("\\"):
            waiting.append(Line(text.text[:-1], text.mark))
            continue
        result.append(_Logical([*waiting, text]))
        waiting = []
    return [*result, _Logical(waiting)] if waiting else result
