"""Who is told what, when: one ordered, bounded queue for each hook and group.

Sans-IO: notices and outcomes go in, deliveries come out, `now` is an argument. What a receiver may
rely on: the states of one group come in their order, one at a time; a state is told again until its
receiver has taken it; states in between may be left out, which the next one says, but never the
last one; and after a restart the last one comes once more, marked as repeated.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from twinbeat.core.hook import HookKind, HookSpec, State
from twinbeat.core.units import NEVER, Duration, GroupName, Instant, in_ms, readable

from .notice import Notice
from .queue import Counts, Pending, Queue

ABREAST_MAX = 4
"""Deliveries of one hook that are under way at once, for as many groups."""
TROUBLED_MAX = 4
"""Queues of one hook that a status shows."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """Tell a hook, once; answered by `Dispatch.done` with the same number."""

    op: int
    hook: HookSpec
    notice: Notice
    attempt: int
    """From 1."""
    repeated: bool
    """It was told, or may have been told, by an earlier life of the daemon."""
    left_out: int
    """States of this group between the one told before and this one, of which it is never told."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Write a line into the log."""

    level: str
    text: str


Effect = Deliver | Tell
_Key = tuple[str, GroupName]


@dataclass(frozen=True, slots=True)
class Kept:
    """The last state that a hook was to be told of a group: what outlives the daemon."""

    hook: str
    notice: Notice
    delivered: bool

    def to_dict(self) -> dict[str, object]:
        """Return it as plain JSON types."""
        return {"hook": self.hook, "delivered": self.delivered, "notice": self.notice.to_dict()}

    @classmethod
    def from_dict(cls, plain: object) -> "Kept":
        """Read what `to_dict` gave; raises `ValueError`."""
        if not isinstance(plain, Mapping) or not isinstance(plain.get("notice"), Mapping):
            raise ValueError("not a state that was kept")
        notice = Notice.from_dict(plain["notice"])
        return cls(str(plain.get("hook")), notice, plain.get("delivered") is True)


class Dispatch:
    """All hooks of a node."""

    def __init__(self) -> None:
        self._hooks: dict[str, HookSpec] = {}
        self._queues: dict[_Key, Queue] = {}
        """Those in which something waits; the one served last stands last, so that each gets its
        turn."""
        self._told: dict[_Key, Kept] = {}
        """The newest state of each, delivered or not."""
        self._counts: dict[str, Counts] = {}
        self._under_way: dict[int, _Key] = {}
        self._op = 0

    def use(self, hooks: Iterable[HookSpec]) -> None:
        """Take over a configuration; a hook that stays, by its name, goes on with its queues."""
        self._hooks = {hook.name: hook for hook in hooks}
        self._counts = {name: self._counts.get(name, Counts()) for name in self._hooks}
        self._queues = {key: queue for key, queue in self._queues.items() if key[0] in self._hooks}
        self._told = {key: kept for key, kept in self._told.items() if key[0] in self._hooks}
        self._under_way = {op: key for op, key in self._under_way.items() if key in self._queues}

    # What happens.

    def notice(self, notice: Notice, now: Instant) -> list[Effect]:
        """Take a notice for every hook that wants it."""
        out: list[Effect] = []
        wanting = [hook for hook in self._hooks.values() if self._wants(hook, notice)]
        for hook in wanting:
            key = (hook.name, notice.group)
            self._told[key] = Kept(hook.name, notice, delivered=False)
            left_out = self._queue(key).add(Pending(notice), hook.retries)
            if left_out:
                self._counts[hook.name].left_out += left_out
                said = f"{left_out} state(s) of {notice.group} are left out"
                out.append(Tell("WARN", f"hook {hook.name} does not keep up: {said}"))
        return out + self._begin([(hook.name, notice.group) for hook in wanting], now)

    def done(self, op: int, why: str | None, now: Instant) -> list[Effect]:
        """Take the outcome of a delivery: `why` it failed, or None; a stale one is nothing."""
        key = self._under_way.pop(op, None)
        if key is None:
            return self.wake(now)
        hook, queue, counts = self._hooks[key[0]], self._queues[key], self._counts[key[0]]
        said = f"hook {hook.name}: {key[1]} {queue.waiting[0].notice.state}"
        out: list[Effect] = []
        if why is None:
            counts.delivered += 1
            if queue.failures:
                out.append(Tell("info", f"{said} is delivered after {queue.failures} failure(s)"))
            if queue.succeed():
                del self._queues[key]
                self._told[key] = replace(self._told[key], delivered=True)
        else:
            counts.failed += 1
            given_up = queue.fail(why, now, hook.retries)
            if queue.failures == 1:
                pause = readable(queue.not_before - now)
                out.append(Tell("WARN", f"{said} is not delivered: {why}; again in {pause}"))
            if given_up:
                counts.given_up += given_up
                out.append(Tell("ERROR", f"{said} is given up, newer states wait: {why}"))
        return out + self.wake(now)

    def wake(self, now: Instant) -> list[Effect]:
        """Begin whatever is due."""
        return self._begin(list(self._queues), now)

    def next_deadline(self) -> Instant:
        """Return when `wake` is to be called, if nothing happens before."""
        abreast = self._abreast()
        waiting = (
            queue.not_before
            for (name, _), queue in self._queues.items()
            if queue.pausing and abreast[name] < ABREAST_MAX  # Else an outcome comes first.
        )
        return min(waiting, default=NEVER)

    # What outlives the daemon.

    def kept(self) -> list[Kept]:
        """Return the last state of every queue, and whether it was taken."""
        return list(self._told.values())

    def recall(self, kept: Sequence[object]) -> int:
        """Take up what an earlier life kept, to be told again; return how much cannot be read.

        A letter that was sent is not sent again: only what people did not get.
        """
        broken = 0
        for plain in kept:
            try:
                told = Kept.from_dict(plain)
            except ValueError:
                broken += 1
                continue
            hook, key = self._hooks.get(told.hook), (told.hook, told.notice.group)
            if hook is None or not hook.wants(told.notice.group, told.notice.state):
                continue
            again = not (told.delivered and hook.kind is HookKind.MAIL)
            self._told[key] = replace(told, delivered=not again)
            if again:
                self._queue(key).add(Pending(told.notice, repeated=True), hook.retries)
        return broken

    def status(self, now: Instant) -> dict[str, object]:
        """Return every hook with its counters and the queues that have something to deliver."""
        return {name: self._shown(hook, now) for name, hook in self._hooks.items()}

    def _begin(self, keys: Iterable[_Key], now: Instant) -> list[Effect]:
        abreast = self._abreast()
        out: list[Effect] = []
        for key in keys:
            name, queue = key[0], self._queues[key]
            if not queue.due(now) or abreast[name] >= ABREAST_MAX:
                continue
            abreast[name] += 1
            self._op += 1
            head = queue.begin()
            self._under_way[self._op] = key
            self._queues[key] = self._queues.pop(key)
            out.append(Deliver(self._op, self._hooks[name], head.notice, head.attempts,
                               head.repeated, head.left_out))  # fmt: skip
        return out

    def _abreast(self) -> Counter[str]:
        return Counter(name for name, _ in self._under_way.values())

    def _shown(self, hook: HookSpec, now: Instant) -> dict[str, object]:
        counts = self._counts[hook.name]
        mine = {group: q for (name, group), q in self._queues.items() if name == hook.name}
        return {
            "kind": str(hook.kind),
            "target": hook.target,
            "delivered": counts.delivered,
            "failed": counts.failed,
            "left_out": counts.left_out,
            "given_up": counts.given_up,
            "waiting": sum(len(queue.waiting) for queue in mine.values()),
            "groups": {
                group: _queue_shown(queue, now)
                for group, queue in list(mine.items())[:TROUBLED_MAX]
            },
        }

    def _wants(self, hook: HookSpec, notice: Notice) -> bool:
        """Whether a hook is told of a state.

        A daemon begins by making sure that nothing runs. That is news only after another state.
        """
        if not hook.wants(notice.group, notice.state):
            return False
        if notice.state is not State.STOPPED or notice.previous is not None:
            return True
        told = self._told.get((hook.name, notice.group))
        return told is not None and told.notice.state is not State.STOPPED

    def _queue(self, key: _Key) -> Queue:
        return self._queues.setdefault(key, Queue())


def _queue_shown(queue: Queue, now: Instant) -> dict[str, object]:
    head = queue.waiting[0]
    pause = Duration(max(0, queue.not_before - now)) if queue.pausing else None
    return {
        "state": str(head.notice.state),
        "waiting": len(queue.waiting),
        "attempt": head.attempts,
        "under_way": queue.under_way,
        "next_ms": None if pause is None else in_ms(pause),
        "why": queue.why,
    }
