"""What happened and why: entries, the ring that keeps them, and the story of a group's last move.

Beside it, for whom that does not suffice, a whole life: `stream` writes down what the core was told
and ordered, `replay` lives it again. Pure: nothing here reads a clock or a file. The daemon stamps
and stores; here is what the record means.
"""

from .chain import last_move
from .entry import Entry
from .move import Move, Phase
from .render import render, render_entry
from .restarts import Restart
from .ring import Journal

__all__ = ["Entry", "Journal", "Move", "Phase", "Restart", "last_move", "render", "render_entry"]
