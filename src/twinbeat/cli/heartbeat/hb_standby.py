"""`hb_standby`: give groups of this node to the other one, once."""

import sys

from twinbeat.control.shapes import StatusShape

from .order import REFUSED, Move, Usage, carry_out, groups, which
from .say import stamp


def main(argv: list[str] | None = None) -> int:
    """Carry out one command line (None: the process's own) and return its exit code.

    Of the groups that this node owns those of the set (`all`, unless a word says otherwise) move
    to any other node that can run them, and are pinned there; the node stays in service.
    """
    program, words = sys.argv[0], sys.argv[1:] if argv is None else argv
    try:
        resources = which(program, words)
    except Usage:
        return REFUSED
    print(f"{stamp()} Going standby [{resources}].", file=sys.stderr)

    def moves(status: StatusShape) -> list[Move]:
        return [(name, None) for name in groups(status, resources, here=True)]

    return carry_out(program, moves)


if __name__ == "__main__":
    sys.exit(main())
