"""One node of ours and a Heartbeat whose messages are typed by hand.

The peer speaks its status every second and acknowledges every tenth number by itself, as a
Heartbeat does; everything that it says of resources is in the script. Keepalive 1 s, deadtime 6 s,
initdead 12 s; groups web (node1 prefers it) and web2 (node2). Starting takes 30 ms, stopping 10 ms.
"""

import heapq
from collections.abc import Callable
from dataclasses import replace

from heartbeat1_holder import Holder

from twinbeat.core.beat import Ack, Beat, Custody, GroupView, Life
from twinbeat.core.effects import (
    ClearGroup,
    Effect,
    Leave,
    Record,
    Reply,
    RestartResources,
    SendAgain,
    SendBeat,
    SendMessage,
    Serve,
    Silence,
    StartGroup,
    StopGroup,
    What,
)
from twinbeat.core.engine import Engine
from twinbeat.core.events import (
    BeatReceived,
    Event,
    FailbackRequested,
    GroupRestarted,
    GroupRestartFailed,
    GroupStarted,
    GroupStartFailed,
    GroupStopFailed,
    GroupStopped,
    HandoverRequested,
    MessageReceived,
    ModelChanged,
    ResourceLooked,
    ShutdownRequested,
    StandbyRequested,
    Started,
    TimePassed,
)
from twinbeat.core.model import ClusterModel, Failback
from twinbeat.core.units import MS, SECOND, GroupName, Instant, NodeName, milliseconds
from twinbeat.heartbeat1 import Interpreter
from twinbeat.scenario.setting import LINK, Setting

START = 10 * SECOND
FIRST = 5000
"""This node's number before its first beat."""
STARTING_TAKES, STOPPING_TAKES = 30, 10
RESTARTING_TAKES = STOPPING_TAKES + STARTING_TAKES
_TOLD = (
    What.CONVERSATION, What.PEER_DEAD, What.PEER_RETURNED, What.PEER_RESTARTED, What.PEER_LEFT,
    What.GROUP_UNCLEAN, What.GROUP_FAILED, What.BAR_ENDED, What.NODE_LEFT,
)  # fmt: skip


def model(
    *, nodes: int = 2, groups: int = 2, failback: bool = True, legacy: bool = False
) -> ClusterModel:
    """Return what ha.cf and haresources say."""
    setting = Setting(
        nodes=nodes,
        groups=groups,
        keepalive=milliseconds(1000),
        deadtime=milliseconds(6000),
        initdead=milliseconds(12000),
        failback=Failback(enabled=failback),
    )
    return replace(setting.model(), legacy=legacy)


class Stage:
    """A node, its clock, its agents, its peer, and what happened."""

    def __init__(self, cluster: ClusterModel, me: str) -> None:
        self.model, self.me = cluster, NodeName(me)
        self.peer = next(node for node in cluster.nodes if node != me)
        self.now = 0
        self.node = Interpreter(Engine(cluster, self.me, Life(50, 55), Instant(START)), FIRST)
        self.lines: list[str] = []
        self.holder = Holder(self.me, self.peer, {g.name: g.preferred for g in cluster.groups})
        self.violations: list[str] = []
        self.generation, self.seq, self.word = 100, 0, ""
        self.speaks = self.acks = self.ours = False
        self.missed: list[MessageReceived] = []
        self.last: MessageReceived | None = None
        self.fails: set[str] = set()
        self.slow: dict[str, int] = {}
        self.left = False
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._count = self._request = 0
        self.tell(Started())
        self.at(0, self._speak)

    # Time.

    def at(self, after: int, what: Callable[[], None]) -> None:
        """Do something in so many milliseconds."""
        self._count += 1
        heapq.heappush(self._agenda, (self.now + after, self._count, what))

    def run(self, span: int) -> None:
        """Let time pass as the daemon does."""
        end, sleepless = self.now + span, 0
        while True:
            due = max(self.now, -((START - self.node.next_deadline()) // MS))
            agenda = self._agenda[0][0] if self._agenda else end + 1
            at = min(due, agenda)
            if at > end:
                self.now = end
                return
            sleepless = sleepless + 1 if at == self.now else 0
            assert sleepless < 50, f"no sleep at {self.now} ms: a deadline is due for ever"
            self.now = at
            if agenda == at:
                heapq.heappop(self._agenda)[2]()
            else:
                self.tell(TimePassed())

    def tell(self, event: Event) -> list[Effect]:
        """Tell a fact now, and do what is ordered."""
        self.holder.hear(event)
        effects = self.node.handle(event, Instant(START + self.now * MS))
        self.violations += self.holder.judge(effects)
        for effect in effects:
            self._obey(effect)
        return effects

    # What the node orders.

    def _obey(self, effect: Effect) -> None:
        match effect:
            case SendBeat(beat):
                self._arrives(beat.seq)
            case SendMessage(fields, seq):
                if fields[0] != ("t", "NS_ackmsg"):
                    self._write(">", " ".join(f"{n}={v}" for n, v in fields if n != "t"), fields)
                self._arrives(seq)
            case SendAgain(seq):
                self._write(">", f"again {seq - FIRST}")
            case ClearGroup(op, spec):
                self.at(STOPPING_TAKES, lambda: self._tell(GroupStopped(op, spec.name)))
            case StartGroup(op, spec):
                self._write("!", f"start {spec.name}")
                failed = GroupStartFailed(op, spec.name, "httpd", "it does not start")
                done: Event = GroupStarted(op, spec.name)
                self._later(f"start {spec.name}", STARTING_TAKES, done, failed)
            case RestartResources(op, name, names):
                self._write("!", f"restart {' '.join(names)}")
                stays = GroupRestartFailed(op, name, "httpd", "it does not start", stuck=False)
                again: Event = GroupRestarted(op, name)
                self._later(f"restart {name}", RESTARTING_TAKES, again, stays)
            case StopGroup(op, name):
                self._write("!", f"stop {name}")
                wrong = GroupStopFailed(op, name, "httpd", "it does not stop")
                self._later(f"stop {name}", STOPPING_TAKES, GroupStopped(op, name), wrong)
            case Serve(name, _, create=True):
                self._write("!", f"serve {name}")
            case Silence(name):
                self._write("!", f"silence {name}")
            case Leave(clean):
                self._write("!", "leave" if clean else "leave, unclean")
                self.left = True
            case Reply(_, refused) if refused is not None:
                self._write("!", f"refused: {refused}")
            case Record(what, because, group, peer) if what in _TOLD:
                self._write(".", f"{what}: {group or peer or self.me}: {because}")

    def _later(self, what: str, takes: int, done: Event, failed: Event) -> None:
        outcome = failed if what in self.fails else done
        self.at(self.slow.get(what, takes), lambda: self._tell(outcome))

    def _tell(self, event: Event) -> None:
        self.tell(event)

    def _write(self, mark: str, text: str, fields: tuple[tuple[str, str], ...] = ()) -> None:
        kind = next((value for name, value in fields if name == "t"), "")
        self.lines.append(" ".join(f"{self.now:>6} {mark} {kind} {text}".split(" ")).rstrip())

    # What the peer says.

    def boot(self, word: str = "up") -> None:
        """The peer's next life begins."""
        self.generation, self.seq, self.speaks, self.acks = self.generation + 1, 0, True, True
        self.ours, self.missed = False, []
        self.status("init")
        self.status(word)

    def status(self, word: str) -> None:
        """The peer says a status."""
        self.word = word
        self.hear("status", {"st": word, "dt": f"{6000:x}", "protocol": "1"})

    def hear(self, kind: str, fields: dict[str, str], *, arrives: bool = True) -> None:
        """The peer sends its next numbered message."""
        self.seq += 1
        message = MessageReceived(self.peer, kind, self.generation, self.seq, fields, LINK)
        if arrives:
            self.last = message
            self.tell(message)
        else:
            self.missed.append(message)

    def hear_unnumbered(self, kind: str, fields: dict[str, str]) -> None:
        """The peer sends a message about numbers."""
        self.tell(MessageReceived(self.peer, kind, self.generation, 0, fields, LINK))

    def _speak(self) -> None:
        self.at(1000 if not self.ours else 200, self._speak)
        if self.speaks and self.ours:
            self._beat()
        elif self.speaks:
            self.status(self.word)

    def _arrives(self, seq: int) -> None:
        if seq and seq % 10 == 0:
            fields = {"dest": str(self.me), "ackseq": f"{seq:x}"}
            self.at(2, lambda: self._ack(fields))

    def _ack(self, fields: dict[str, str]) -> None:
        if self.acks and self.speaks and not self.ours:
            self.hear_unnumbered("NS_ackmsg", fields)

    def _beat(self) -> None:
        self.seq += 1
        mine, timing = self.node.engine.mine, self.model.timing
        views = {
            g.name: GroupView(Custody.STOPPED, 0, g.nodes.index(self.peer))
            for g in self.model.groups
        }
        beat = Beat(
            node=self.peer, life=Life(self.generation, 77), seq=self.seq, deadtime=timing.deadtime,
            lease=timing.lease, acks={self.me: Ack(mine.life, mine.seq, hears=True)},
            groups=views, digest=self.model.digest,
        )  # fmt: skip
        self.tell(BeatReceived(beat, LINK))

    # The script's lines.

    def play(self, line: str) -> None:
        """Do what a line says."""
        verb, *words = line.split()
        match verb, words:
            case "peer", ["boots"]:
                self.boot()
            case "peer", ["runs"]:
                self.generation, self.seq, self.speaks, self.acks = (
                    self.generation + 1,
                    1000,
                    True,
                    True,
                )
                self.status("active")
            case "peer", ["boots", "as", "ours"]:
                self.generation, self.seq, self.speaks, self.ours = (
                    self.generation + 1,
                    0,
                    True,
                    True,
                )
                self._beat()
            case "peer", ["active"]:
                self.status("active")
            case "peer", ["silent"]:
                self.speaks = False
            case "peer", ["speaks"]:
                self.speaks = True
            case "peer", ["deaf"]:
                self.acks = False
            case "hears", [kind, *fields]:
                self.hear(kind, _fields(fields))
            case "misses", [kind, *fields]:
                self.hear(kind, _fields(fields), arrives=False)
            case "late", []:
                self.tell(self.missed.pop(0))
            case "again", []:
                assert self.last is not None
                self.tell(self.last)
            case "replay", [life, seq, kind, *fields]:
                said = _fields(fields)
                self.tell(MessageReceived(self.peer, kind, int(life), int(seq), said, LINK))
            case "numbers", [kind, *fields]:
                newest = {"ackseq": f"{self.node.engine.mine.seq:x}"}
                said = _fields(fields)
                self.hear_unnumbered(kind, said | newest if said.get("ackseq") == "@" else said)
            case "run", [span]:
                self.run(_span(span))
            case "fails", [*what]:
                self.fails.add(" ".join(what))
            case "works", [*what]:
                self.fails.discard(" ".join(what))
            case "dies", [group]:
                dead = ResourceLooked(GroupName(group), "httpd", False, "it is dead", sure=True)
                self.tell(dead)
            case "slow", [*what, span]:
                self.slow[" ".join(what)] = _span(span)
            case "reload", [*options]:
                self.model = _model(options)
                self.tell(ModelChanged(self.model))
            case "drops", []:
                drops = self.node.engine.drops
                self.lines += [f"{why}: {count}" for why, count in sorted(drops.items())]
            case "operator", [*order]:
                self._request += 1
                self.tell(self._order(order))
            case _:
                raise ValueError(f"not understood: {line}")

    def _order(self, words: list[str]) -> Event:
        match words:
            case ["handover", group, "to", node]:
                return HandoverRequested(self._request, GroupName(group), NodeName(node))
            case ["failback", group]:
                return FailbackRequested(self._request, GroupName(group))
            case ["standby", node, ("on" | "off") as way]:
                return StandbyRequested(self._request, NodeName(node), way == "on")
            case ["stop"]:
                return ShutdownRequested()
            case _:
                raise ValueError(f"no such order: {words}")


def play(text: str) -> tuple[str, list[str]]:
    """Play a transcript; return it with what happened, and what must never happen."""
    stage: Stage | None = None
    came: list[str] = []
    for block in text.rstrip("\n").split("\n\n"):
        given = block.split("\n----", 1)[0].split("\n")
        begun = len(stage.lines) if stage else 0
        commands = [line for line in given if line and not line.startswith("#")]
        for line in commands:
            if line.startswith("node "):
                _, me, *options = line.split()
                stage = Stage(_model(options), me)
            else:
                assert stage is not None, "the first line says which node is ours"
                stage.play(line)
        happened = stage.lines[begun:] if stage else []
        came.append("\n".join([*given, "----", *happened] if commands else given))
    return "\n\n".join(came) + "\n", stage.violations if stage else []


def _model(options: list[str]) -> ClusterModel:
    said = dict(option.partition("=")[::2] for option in options)
    return model(
        nodes=int(said.get("nodes", 2)),
        groups=int(said.get("groups", 2)),
        failback=said.get("auto_failback") != "off",
        legacy=said.get("auto_failback") == "legacy",
    )


def _fields(words: list[str]) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in words)


def _span(word: str) -> int:
    return int(word[:-2]) if word.endswith("ms") else int(float(word[:-1]) * 1000)
