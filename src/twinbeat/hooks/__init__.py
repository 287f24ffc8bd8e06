"""Hooks: what is told of a group, in which words, and in which order. Pure: no IO, no clock.

Teller      journal entries in, notices out: what a group has become
Dispatch    notices in, deliveries out: ordered, bounded, repeated until the last state is told
wording     a delivery as a sentence, as an environment, as a document, as a letter
"""

from .dispatch import Deliver, Dispatch, Effect, Kept, Tell
from .notice import Notice, Teller

__all__ = ["Deliver", "Dispatch", "Effect", "Kept", "Notice", "Tell", "Teller"]
