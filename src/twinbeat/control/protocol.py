"""What may be said on the control socket: JSON lines, the verbs and the exit codes.

A request is `{"id":1,"do":"status","args":{}}`. Its answer is `{"id":1,"ok":true,"result":...}` or
`{"id":1,"ok":false,"code":1,"error":"a sentence"}`; the code is the exit code of every tool. After
`subscribe` the same connection also carries `{"event":{...}}` lines. A line is UTF-8 and at most
`LINE_MAX` bytes with its newline, in both directions.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Any

import msgspec

LINE_MAX = 64 * 1024
"""Bytes of a line, its newline included."""

DEFAULT_SOCKET = "/run/twinbeat/control.sock"

HISTORY_MAX = 2000
"""Entries that one `history` may ask for; the answer holds as many of the newest as fit a line."""


class ExitCode(IntEnum):
    """How every twinbeat command ends, and the code of a refused request."""

    DONE = 0
    REFUSED = 1
    """Refused or failed, with the reason; `check --strict` that found warnings."""
    USAGE = 2
    NO_DAEMON = 3
    WAITED = 4
    """`--wait` ran out of time; what was asked for may still happen."""
    NOT_ALLOWED = 5
    CONFIGURATION = 6


class Refused(Exception):  # noqa: N818 - it says what happened, not whose error it is
    """A request was not granted: the exit code, and a sentence that says why."""

    def __init__(self, code: ExitCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class _Args(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The arguments of one verb; a name that it does not know is an error."""


class NoArgs(_Args):
    """Of `status`, `parameters`, `reload`, `stop` and `subscribe`."""


class GroupArgs(_Args):
    """Of `why` and `failback`."""

    group: Name


class HistoryArgs(_Args):
    """Of `history`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=HISTORY_MAX)] = 100


class HandoverArgs(_Args):
    """Of `handover`; without `to` any other node that can run the group will do."""

    group: Name
    to: Name | None = None


class StandbyArgs(_Args):
    """Of `standby`; without `node` the daemon that is asked."""

    on: bool
    node: Name | None = None


class MaintenanceArgs(_Args):
    """Of `maintenance`; without `node` the whole cluster (`*`)."""

    on: bool
    node: Name = "*"


class CleanupArgs(_Args):
    """Of `cleanup`; without `node` the daemon that is asked."""

    group: Name
    node: Name | None = None


class ClearArgs(_Args):
    """Of `clear`; without `group` every group."""

    group: Name | None = None


class ConfirmArgs(_Args):
    """Of `confirm`."""

    node: Name


READING: Mapping[str, type[_Args]] = {
    "status": NoArgs,
    "parameters": NoArgs,
    "why": GroupArgs,
    "history": HistoryArgs,
    "subscribe": NoArgs,
}
"""Verbs that change nothing: everybody who can open the socket may use them."""

CHANGING: Mapping[str, type[_Args]] = {
    "handover": HandoverArgs,
    "failback": GroupArgs,
    "standby": StandbyArgs,
    "maintenance": MaintenanceArgs,
    "cleanup": CleanupArgs,
    "clear": ClearArgs,
    "confirm": ConfirmArgs,
    "reload": NoArgs,
    "stop": NoArgs,
}
"""Verbs for root, the daemon's own user and the members of the group haclient."""

VERBS = {**READING, **CHANGING}

Id = int | Annotated[str, msgspec.Meta(max_length=64)] | None


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """One line from a client; the id comes back in the answer."""

    do: str
    id: Id = None
    args: dict[str, Any] = {}


class Reply(msgspec.Struct, omit_defaults=True):
    """One line from the daemon; `event` alone for what a subscriber is told unasked."""

    id: Id | msgspec.UnsetType = msgspec.UNSET
    ok: bool | msgspec.UnsetType = msgspec.UNSET
    result: Any = msgspec.UNSET
    code: int | msgspec.UnsetType = msgspec.UNSET
    error: str | msgspec.UnsetType = msgspec.UNSET
    event: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


_requests = msgspec.json.Decoder(Request)
_replies = msgspec.json.Decoder(Reply)
_encoder = msgspec.json.Encoder()


def decode_request(line: bytes) -> Request:
    """Read a request; raises `Refused` with code `USAGE` and what is wrong with it."""
    try:
        return _requests.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(ExitCode.USAGE, f"This is not a request: {error}.") from None


def checked_args(request: Request) -> dict[str, Any]:
    """Return the arguments of a known verb with their defaults filled in; raises `Refused`."""
    shape = VERBS.get(request.do)
    if shape is None:
        known = ", ".join(VERBS)
        raise Refused(ExitCode.USAGE, f"There is no {request.do[:64]!r} here; there are {known}.")
    try:
        return msgspec.structs.asdict(msgspec.convert(request.args, shape))
    except msgspec.ValidationError as error:
        raise Refused(
            ExitCode.USAGE, f"The arguments of {request.do} are wrong: {error}."
        ) from None


def encode_request(request: Request) -> bytes:
    """Write a request as a line; raises `Refused` when it is too long for one."""
    line = _encoder.encode(request) + b"\n"
    if len(line) > LINE_MAX:
        raise Refused(ExitCode.USAGE, f"The request is longer than {LINE_MAX} bytes.")
    return line


def decode_reply(line: bytes) -> Reply:
    """Read a line of the daemon; raises `Refused` when it is none."""
    try:
        return _replies.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(ExitCode.REFUSED, f"The daemon gave no valid answer: {error}.") from None


def encode_result(request_id: Id, result: object) -> bytes:
    """Write a result as a line.

    A result `{"entries": [...]}` that is too long loses its first, oldest entries, and says how
    many in `left_out`; any other result that does not fit becomes an error.
    """
    line = _encoder.encode(Reply(id=request_id, ok=True, result=result)) + b"\n"
    if len(line) <= LINE_MAX:
        return line
    if isinstance(result, dict) and result.get("entries"):
        return encode_result(request_id, _newest(result, len(line)))
    return encode_error(
        request_id, Refused(ExitCode.REFUSED, f"The answer is longer than {LINE_MAX} bytes.")
    )


def _newest(result: dict[str, Any], length: int) -> dict[str, Any]:
    """Leave out the oldest entries until what is left fits beside 1 KiB of everything else."""
    entries = result["entries"]
    excess = length - LINE_MAX + 1024
    cut = 0
    while cut < len(entries) and excess > 0:
        excess -= len(_encoder.encode(entries[cut])) + 1
        cut += 1
    left_out = result.get("left_out", 0) + cut
    rest = {key: value for key, value in result.items() if key not in ("entries", "left_out")}
    return {**rest, "entries": entries[cut:], "left_out": left_out}


def encode_error(request_id: Id, refused: Refused) -> bytes:
    """Write a refusal as a line."""
    error = refused.reason[:4096]
    return _encoder.encode(Reply(id=request_id, ok=False, code=refused.code, error=error)) + b"\n"


def encode_event(event: Mapping[str, object]) -> bytes | None:
    """Write an event as a line, or return None when JSON cannot say it in one."""
    try:
        line = _encoder.encode(Reply(event=dict(event))) + b"\n"
    except (TypeError, ValueError):
        return None
    return line if len(line) <= LINE_MAX else None
