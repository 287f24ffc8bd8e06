"""Custody towards a Heartbeat 3.0.6 peer: its resource protocol, translated for our own core.

Heartbeat's messages are taken in as what one of us would have said in a beat, and what our core
does is told in Heartbeat's messages. So there is one custody of a group, with one rule for a start,
one lease and one journal, whoever the peer is; and when the last Heartbeat is replaced nothing has
to be handed over, for nothing was kept elsewhere.
"""

from .interpreter import Interpreter

__all__ = ["Interpreter"]
