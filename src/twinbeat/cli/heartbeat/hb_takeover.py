"""`hb_takeover`: take groups from the other node, once."""

import sys

from twinbeat.control.shapes import StatusShape

from .order import REFUSED, Move, Usage, carry_out, groups, which


def main(argv: list[str] | None = None) -> int:
    """Carry out one command line (None: the process's own) and return its exit code.

    Of the groups that this node does not own those of the set (`all`, unless a word says otherwise)
    move here, and are pinned here.
    """
    program, words = sys.argv[0], sys.argv[1:] if argv is None else argv
    try:
        resources = which(program, words)
    except Usage:
        return REFUSED

    def moves(status: StatusShape) -> list[Move]:
        return [(name, status["node"]) for name in groups(status, resources, here=False)]

    return carry_out(program, moves)


if __name__ == "__main__":
    sys.exit(main())
