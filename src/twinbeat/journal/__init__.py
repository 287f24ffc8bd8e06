"""What happened and why: entries, the ring that keeps them, and the story of a group's last move.

Pure: it reads no clock and no file. The daemon stamps and stores; here is what the record means.
"""

from .chain import Move, Phase, last_move
from .entry import Entry
from .render import render, render_entry
from .ring import Journal

__all__ = ["Entry", "Journal", "Move", "Phase", "last_move", "render", "render_entry"]
