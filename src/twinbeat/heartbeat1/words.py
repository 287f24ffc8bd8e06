"""Heartbeat's words for what a node holds, and the messages that are said with them.

All lines of haresources whose first word is the speaker are *local* to it, all others *foreign*;
groups are never named one by one (but in the legacy mode).
"""

from enum import Flag

from twinbeat.core.units import NodeName

Fields = tuple[tuple[str, str], ...]


class Share(Flag):
    """What a node holds, always from its own point of view."""

    NONE = 0
    LOCAL = 1
    FOREIGN = 2
    ALL = 3

    @property
    def word(self) -> str:
        """Heartbeat's word for it."""
        return _WORDS[self]

    @property
    def seen_from_other(self) -> "Share":
        """The same groups as the other node calls them."""
        local = Share.LOCAL if Share.FOREIGN in self else Share.NONE
        foreign = Share.FOREIGN if Share.LOCAL in self else Share.NONE
        return local | foreign


_WORDS = {
    Share.NONE: "none",
    Share.LOCAL: "local",
    Share.FOREIGN: "foreign",
    Share.ALL: "all",
}
_SHARES = {word: share for share, word in _WORDS.items()}


def share(word: str | None, absent: Share | None = None) -> Share | None:
    """Return what `rsc_hold` says; None for a word that is none of Heartbeat's."""
    return absent if word is None else _SHARES.get(word)


# The messages, each with its fields in Heartbeat's order.


def starting() -> Fields:
    """Ask a Heartbeat what it holds, as a node does that takes up its work."""
    return (("t", "starting"),)


def resource(held: Share, *, stable: bool, info: str = "") -> Fields:
    """Tell what this node holds."""
    said = [
        ("t", "resource"),
        ("rsc_hold", held.word),
        ("rtype", "full"),
        ("isstable", "1" if stable else "0"),
    ]
    return (*said, ("info", info)) if info else tuple(said)


def ask_resources(held: Share, info: str) -> Fields:
    """Speak of a standby: `me` (I want to give), `other` (you may), `done`."""
    return (("t", "ask_resources"), ("rsc_hold", held.word), ("info", info))


def hb_takeover(wanted: Share) -> Fields:
    """Ask the other node to give, in this node's terms."""
    return (("t", "hb_takeover"), ("rsc_hold", wanted.word))


def shutdone() -> Fields:
    """Tell that this node has released everything and ends."""
    return (("t", "shutdone"), ("st", "dead"))


def ip_request(key: str) -> Fields:
    """Legacy mode: ask for a group, by its first resource word."""
    return (("t", "ip-request"), ("ipaddr", key))


def ip_response(dest: NodeName, key: str, owned: bool) -> Fields:
    """Legacy mode: answer that a group may be taken, and whether it ran here."""
    weown = "yes" if owned else "no"
    return (
        ("t", "ip-request-resp"),
        ("dest", dest),
        ("ipaddr", key),
        ("weown", weown),
        ("ok", "OK"),
    )


def repnodes(dest: NodeName, nodes: tuple[NodeName, ...]) -> Fields:
    """Answer with the list of nodes; a Heartbeat waits for it before it starts anything."""
    names = "".join(f"{node} " for node in nodes)
    return (("dest", dest), ("t", "repnodes"), ("nodelist", names), ("delnodelist", " "))


def client_status(dest: NodeName, client: str, to: str, *, online: bool) -> Fields:
    """Answer whether a client program of Heartbeat's is at work here."""
    return (
        ("t", "respond-cstatus"),
        ("dest", dest),
        ("result", "OK"),
        ("cn", client),
        ("to_id", to),
        ("cs", "online" if online else "offline"),
    )


def ack(dest: NodeName, seq: int) -> Fields:
    """Acknowledge all numbers up to one; in hexadecimal, as Heartbeat has it."""
    return (("t", "NS_ackmsg"), ("dest", dest), ("ackseq", f"{seq:x}"))


def resend(dest: NodeName, seq: int) -> Fields:
    """Ask for a lost message; in decimal, as Heartbeat has it."""
    return (("t", "NS_rexmit"), ("dest", dest), ("firstseq", str(seq)), ("lastseq", str(seq)))


def lost(dest: NodeName, seq: int, why: str) -> Fields:
    """Answer that a message cannot be sent again; in hexadecimal, as Heartbeat has it."""
    return (("t", "NS_nak_rexmit"), ("firstseq", f"{seq:x}"), ("dest", dest), ("info", why))
