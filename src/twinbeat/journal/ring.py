"""The newest entries of one node, in memory and bounded."""

from collections import deque

from twinbeat.core.units import GroupName

from .chain import last_move
from .entry import Entry
from .move import Move


class Journal:
    """Keeps the newest `limit` entries in the order they were appended."""

    def __init__(self, limit: int = 2000) -> None:
        self._entries: deque[Entry] = deque(maxlen=limit)

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, entry: Entry) -> None:
        """Add an entry; the oldest makes room."""
        self._entries.append(entry)

    def entries(self, limit: int | None = None) -> list[Entry]:
        """Return the newest `limit` entries (None: all), oldest first."""
        kept = list(self._entries)
        return kept if limit is None else kept[max(0, len(kept) - limit) :]

    def why(self, group: GroupName) -> Move | None:
        """Return the group's last move that these entries tell of, or None."""
        return last_move(list(self._entries), group)
