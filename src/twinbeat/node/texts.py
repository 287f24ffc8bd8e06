"""What a decision reads like in the log: Heartbeat's own texts first, then ours with the reason.

The first are facts that monitoring looks for (Heartbeat 3.0.6); they say what happened. Ours says
why, and with which numbers. A decision for which Heartbeat had no text gets only ours.
"""

import os
from collections.abc import Iterable, Mapping

from twinbeat import __version__
from twinbeat.config.diagnostics import Diagnostic
from twinbeat.core.effects import Record, What
from twinbeat.core.units import GroupName, NodeName
from twinbeat.journal.facts import in_words

Line = tuple[str, str]
"""A level and a text."""


def diagnosed(diagnostics: Iterable[Diagnostic]) -> list[Line]:
    """Return what was said of the configuration, line by line."""
    return [
        ("ERROR" if diagnostic.severity == "error" else "WARN", line)
        for diagnostic in diagnostics
        for line in str(diagnostic).splitlines()
    ]


def lines(record: Record, me: NodeName, preferred: Mapping[GroupName, NodeName]) -> list[Line]:
    """Return the log lines of a decision of node `me`; `preferred` names the owner by group."""
    out = _heartbeat_lines(record, me, preferred)
    level, sentence = _OURS[record.what]
    if record.what is What.CONFIG_DIFFERS and not _differs(record):
        level = "info"
    values = {
        "node": record.peer or me,
        "group": record.group,
        "groups": f"group {record.group}" if record.group else "every group",
        "because": record.because,
        "numbers": _numbers(record),
        "on": "on" if record.evidence.get("on") else "off",
        "link": record.evidence.get("link"),
    }
    return [*out, (level, sentence.format(**values))]


def banner(generation: int) -> list[Line]:
    """Return what is said before anything else happens."""
    return [
        ("info", f"Configuration validated. Starting heartbeat (twinbeat {__version__})"),
        ("info", f"heartbeat: version twinbeat {__version__}"),
        ("info", f"Heartbeat generation: {generation}"),
    ]


def farewell(me: NodeName) -> Line:
    """Return what is said last."""
    return ("info", f"{me} Heartbeat shutdown complete.")


_OURS: Mapping[What, Line] = {
    What.NODE_STARTED: ("info", "{node} starts: {because}"),
    What.NODE_ACTIVE: ("info", "{node} takes part: {because}"),
    What.NODE_LEAVING: ("info", "{node} is leaving: {because}"),
    What.NODE_LEFT: ("info", "{node} has left: {because}"),
    What.NODE_STALLED: ("WARN", "{because}"),
    What.PEER_HEARD: ("info", "{node} is heard: {because}"),
    What.PEER_STATUS: ("debug", "{node}: {because}"),
    What.PEER_ALIVE: ("info", "{node} is alive: {because}"),
    What.PEER_DEAF: ("WARN", "{node} is deaf: {because}"),
    What.PEER_LATE: ("WARN", "{node} is late: {because}{numbers}"),
    What.PEER_LATE_BEAT: ("debug", "{node}: {because}{numbers}"),
    What.PEER_DEAD: ("WARN", "{node} is dead: {because}{numbers}"),
    What.PEER_RETURNED: ("WARN", "{node} returned: {because}{numbers}"),
    What.PEER_RESTARTED: ("info", "{node} restarted: {because}{numbers}"),
    What.PEER_LEFT: ("info", "{node} left: {because}"),
    What.PING_ANSWERS: ("debug", "ping node {node}: {because}"),
    What.PING_DEAD: ("WARN", "ping node {node} is dead: {because}"),
    What.PEER_CONNECTIVITY: ("info", "{node}: {because}"),
    What.LINK_UP: ("debug", "{because}"),
    What.LINK_DEAD: ("WARN", "{because}"),
    What.OWN_LINK_UP: ("info", "own link {link} is up: {because}"),
    What.OWN_LINK_DOWN: ("WARN", "own link {link} is down: {because}"),
    What.GROUP_PLACED: ("debug", "group {group} is placed: {because}{numbers}"),
    What.GROUP_CLAIMING: ("info", "group {group} is claimed: {because}{numbers}"),
    What.GROUP_CLAIM_ENDED: ("info", "the claim on group {group} ended: {because}"),
    What.GROUP_STARTING: ("info", "group {group} starts here: {because}{numbers}"),
    What.GROUP_HELD: ("info", "group {group} is held: {because}{numbers}"),
    What.GROUP_STOPPING: ("info", "group {group} stops here: {because}{numbers}"),
    What.GROUP_STOPPED: ("info", "group {group} is stopped: {because}"),
    What.GROUP_UNCLEAN: (
        "CRIT",
        "group {group} is unclean, it starts nowhere until it is seen to: {because}; stop what "
        "still runs, then: twinbeat cleanup {group}",
    ),
    What.GROUP_FAILED: (
        "ERROR",
        "group {group} failed here: {because}{numbers}; repair it, then: twinbeat clear {group}",
    ),
    What.GROUP_RESTARTING: ("WARN", "group {group} is repaired in place: {because}{numbers}"),
    What.GROUP_RESTARTED: ("info", "group {group} is whole again: {because}{numbers}"),
    What.GROUP_FOUND: ("WARN", "group {group} was found running here: {because}{numbers}"),
    What.GROUP_NOWHERE: ("CRIT", "group {group} can run nowhere: {because}{numbers}"),
    What.RESOURCE_LOOKED: ("WARN", "group {group}: {because}{numbers}"),
    What.RESOURCE_SOUND: ("info", "group {group}: {because}{numbers}"),
    What.BAR_ENDED: ("info", "{node} may run group {group} again: {because}"),
    What.FAILURES_CLEARED: ("info", "the failures of {groups} are forgotten: {because}"),
    What.GROUP_MET: ("WARN", "group {group}: {because}{numbers}"),
    What.GROUP_DARK: ("WARN", "group {group} is silent: {because}"),
    What.GROUP_LIT: ("info", "group {group} is served again: {because}"),
    What.PEER_GROUP: ("debug", "group {group}: {because}{numbers}"),
    What.PIN_CHANGED: ("info", "the pin of group {group} is now {numbers}: {because}"),
    What.STANDBY_CHANGED: ("info", "standby is {on} for {node}: {because}"),
    What.MAINTENANCE_CHANGED: ("info", "maintenance is {on} for {node}: {because}"),
    What.CLEANED_UP: ("info", "group {group} is cleaned up on {node}: {because}"),
    What.CONVERSATION: ("info", "{because}"),
    What.CONFIG_DIFFERS: ("WARN", "{node}: {because}{numbers}"),
    What.CONFIG_CHANGED: ("info", "the configuration is in force: {because}"),
    What.FENCING_BARRED: ("WARN", "{node} is not fenced: {because}"),
    What.FENCING_ORDERED: ("WARN", "{node} is to be fenced: {because}{numbers}"),
    What.FENCING_CONFIRMED: ("WARN", "{node} is fenced: {because}{numbers}"),
    What.FENCING_FAILED: (
        "CRIT",
        "{node} could not be fenced, nothing of it is taken over: {because}{numbers}; look at its "
        "fencing device",
    ),
    What.FENCING_VOID: ("WARN", "the fencing of {node} proves nothing any more: {because}"),
    What.ARBITER_BACK: ("info", "the arbiter: {because}"),
    What.ARBITER_AWAY: ("ERROR", "the arbiter is away, nothing can be started: {because}"),
    What.ARBITER_FAILED: ("WARN", "the arbiter: {because}"),
    What.NODE_REGISTERED: ("info", "{node} is registered: {because}{numbers}"),
    What.NODE_DEPOSED: ("CRIT", "{node} was deposed, everything stops here: {because}{numbers}"),
    What.NODE_REBORN: ("WARN", "{node} begins a new life: {because}{numbers}"),
    What.PEER_DEPOSED: ("WARN", "{node} is deposed: {because}{numbers}"),
    What.GROUP_RECORD: ("info", "group {group}: {because}{numbers}"),
}


def _heartbeat_lines(
    record: Record, me: NodeName, preferred: Mapping[GroupName, NodeName]
) -> list[Line]:
    peer, evidence = record.peer, record.evidence
    match record.what:
        case What.NODE_STARTED:
            return [("info", "Local status now set to: 'up'")]
        case What.NODE_ACTIVE:
            return [
                ("info", "Comm_now_up(): updating status to active"),
                ("info", "Local status now set to: 'active'"),
            ]
        case What.NODE_LEAVING:
            pid = os.getpid()
            return [
                ("info", f"Heartbeat shutdown in progress. ({pid})"),
                ("info", "Giving up all HA resources."),
            ]
        case What.NODE_LEFT:
            clean = not record.because.startswith("unclean")
            return [("info", "All HA resources relinquished.")] if clean else []
        case What.PEER_STATUS:
            return [("info", f"Status update for node {peer}: status {evidence.get('status')}")]
        case What.PEER_LATE_BEAT:
            return [_late(record)]
        case What.PEER_DEAD:
            return [("WARN", f"node {peer}: is dead")]
        case What.PEER_RETURNED:
            return [
                ("CRIT", f"Cluster node {peer} returning after partition."),
                ("WARN", "Deadtime value may be too small."),
            ]
        case What.PEER_RESTARTED:
            return [("info", f"Heartbeat restart on node {peer}")]
        case What.PEER_LEFT:
            return [("info", f"Received shutdown notice from '{peer}'.")]
        case What.PING_DEAD:
            return [("WARN", f"node {peer}: is dead"), ("info", f"Link {peer}:{peer} dead.")]
        case What.PING_ANSWERS:
            late = [_late(record)] if "interval_ms" in evidence else []
            status = ("info", f"Status update for node {peer}: status ping")
            return [*late, ("info", f"Link {peer}:{peer} up."), status]
        case What.LINK_UP | What.LINK_DEAD | What.OWN_LINK_UP | What.OWN_LINK_DOWN:
            up = record.what in (What.LINK_UP, What.OWN_LINK_UP)
            return [("info", f"Link {peer or me}:{evidence['link']} {'up' if up else 'dead'}.")]
        case _ if record.group is not None:
            return _group_lines(record, me, preferred.get(record.group) == me)
        case _:
            return []


def _group_lines(record: Record, me: NodeName, ours: bool) -> list[Line]:
    """Heartbeat's texts about resources; `ours` are those of groups that prefer this node."""
    evidence = record.evidence
    before = evidence.get("from")
    elsewhere = before is not None and before != me
    match record.what:
        case What.GROUP_CLAIMING if elsewhere:
            return [("info", f"Resources being acquired from {before}.")]
        case What.GROUP_HELD if elsewhere:
            return [("info", f"mach_down takeover complete for node {before}.")]
        case What.GROUP_HELD:
            return [("info", "Local Resource acquisition completed.")]
        case What.GROUP_FAILED:
            failed = evidence.get("resource", record.group)
            return [("CRIT", f"Giving up resources due to failure of {failed}")]
        case What.GROUP_UNCLEAN:
            return [("CRIT", "Resource STOP failure. Reboot required!")]
        case What.GROUP_MET if "their_term" in evidence:
            return [("ERROR", f"Both machines own {'our' if ours else 'foreign'} resources!")]
        case _:
            return []


def _late(record: Record) -> Line:
    interval = _number(record.evidence.get("interval_ms"))
    said = f"Late heartbeat: Node {record.peer}: interval {interval:.0f} ms"
    deadtime = record.evidence.get("deadtime_ms")
    if deadtime is not None and interval > _number(deadtime):
        return ("CRIT", f"{said} (> deadtime)")
    return ("WARN", said)


def _numbers(record: Record) -> str:
    """The evidence of a decision as a person would add it to a sentence."""
    evidence = record.evidence
    match record.what:
        case What.PIN_CHANGED:
            return str(evidence.get("to") or "lifted")
        case What.PEER_DEAD | What.PEER_LATE:
            heard = evidence.get("links")
            silent = [
                f"last heard on {link} {_number(ms):.0f} ms ago"
                for link, ms in (heard.items() if isinstance(heard, Mapping) else ())
            ]
            missed = evidence.get("missed")
            told = [f"{missed} heartbeats missed"] if missed else []
            return "".join(f"; {part}" for part in (*told, *silent))
        case _:
            rest = {k: v for k, v in evidence.items() if k not in ("cause", "from", "peer")}
            words = in_words(rest, record.because)
            return f" ({words})" if words else ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _differs(record: Record) -> bool:
    return record.evidence.get("theirs") != record.evidence.get("ours")
