"""What an administrator wants to be told of groups, and how: one hook, as configured."""

from dataclasses import dataclass
from enum import StrEnum

from .units import MS, Duration, GroupName


class HookKind(StrEnum):
    """How a hook is told."""

    RUN = "run"
    """A program with its arguments, no shell between."""
    MAIL = "mail"
    """Addresses, by the machine's sendmail."""
    WEBHOOK = "webhook"
    """A URL, or the full path of a private file that holds it."""


class State(StrEnum):
    """What a group can become, as seen from one node; each is one kind of journal entry."""

    STARTING = "starting"
    HELD = "held"
    RESTARTING = "restarting"
    """A resource failed, and is repaired where it runs."""
    RESTARTED = "restarted"
    DARK = "dark"
    """It runs here, and its addresses are silent: the lease ended."""
    LIT = "lit"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    """It failed here and leaves this node."""
    UNCLEAN = "unclean"
    """Something of it could not be stopped: it starts nowhere."""
    NOWHERE = "nowhere"
    """No node can run it."""
    FOUND = "found"
    """It ran here already when the daemon started."""
    ALLOWED = "allowed"
    """This node may run it again, after it had failed here."""
    ELSEWHERE = "elsewhere"
    """Another node holds it."""


TOLD = (
    State.HELD, State.RESTARTED, State.DARK, State.LIT, State.STOPPED, State.FAILED, State.UNCLEAN,
    State.NOWHERE,
)  # fmt: skip
"""What a hook is told of when it does not say: results, not steps, and each by one node only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSpec:
    """One hook. It holds no secret: those are in files that it names."""

    name: str
    kind: HookKind
    target: str
    groups: tuple[GroupName, ...] = ()
    """Of which groups it is told; empty: of all."""
    on: tuple[State, ...] = TOLD
    timeout: Duration = Duration(30_000 * MS)
    """For one attempt."""
    retries: int = 5
    """So often an attempt is repeated when a newer state waits behind it; the newest state is tried
    for as long as it is the newest."""
    secret: str = ""
    """WEBHOOK: the file with the key that signs what is sent."""
    headers: str = ""
    """WEBHOOK: the file with further header lines."""
    ca: str = ""
    """WEBHOOK: the file with the certificates to trust instead of the machine's."""

    def wants(self, group: GroupName, state: State) -> bool:
        """Whether it is told when that group becomes that."""
        return state in self.on and (not self.groups or group in self.groups)
