"""Lines of the control socket: what is understood, what is refused, and that all of it fits."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinbeat.control import protocol
from twinbeat.control.protocol import ExitCode, Refused, Request


def refusal(line: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        protocol.checked_args(protocol.decode_request(line))
    return caught.value


def test_the_exit_codes_are_those_of_the_manual() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "DONE": 0,
        "REFUSED": 1,
        "USAGE": 2,
        "NO_DAEMON": 3,
        "WAITED": 4,
        "NOT_ALLOWED": 5,
        "CONFIGURATION": 6,
    }


@pytest.mark.parametrize(
    ("line", "args"),
    [
        (b'{"id":1,"do":"status","args":{}}', {}),
        (b'{"do":"status"}', {}),
        (b'{"do":"history"}', {"limit": 100}),
        (b'{"do":"handover","args":{"group":"web"}}', {"group": "web", "to": None}),
        (b'{"do":"standby","args":{"on":true}}', {"on": True, "node": None}),
        (b'{"do":"maintenance","args":{"on":false}}', {"on": False, "node": "*"}),
        (b'{"do":"cleanup","args":{"group":"web"}}', {"group": "web", "node": None}),
        (b'{"do":"clear"}', {"group": None}),
        (b'{"do":"confirm","args":{"node":"node1"}}', {"node": "node1"}),
    ],
)
def test_a_request_has_its_defaults_filled_in(line: bytes, args: dict[str, object]) -> None:
    assert protocol.checked_args(protocol.decode_request(line)) == args


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"", "not a request"),
        (b"status", "not a request"),
        (b'{"do":"status"} {}', "not a request"),
        (b"[1]", "not a request: Expected `object`"),
        (b"{}", "missing required field `do`"),
        (b'{"do":1}', "Expected `str`, got `int` - at `$.do`"),
        (b'{"do":"status","id":1.5}', "$.id"),
        (b'{"do":"status","password":"x"}', "unknown field `password`"),
        (b'{"do":"\xff"}', "not a request"),
        (b'{"do":"dance"}', "There is no 'dance' here"),
        (b'{"do":"status","args":{"x":1}}', "unknown field `x`"),
        (b'{"do":"handover"}', "missing required field `group`"),
        (b'{"do":"handover","args":{"group":""}}', "length >= 1 - at `$.group`"),
        (b'{"do":"standby","args":{"on":"yes"}}', "Expected `bool`"),
        (b'{"do":"confirm"}', "missing required field `node`"),
        (b'{"do":"history","args":{"limit":0}}', "`int` >= 1 - at `$.limit`"),
        (b'{"do":"history","args":{"limit":2001}}', "`int` <= 2000"),
        (b'{"do":"maintenance","args":{"on":true,"node":null}}', "got `null` - at `$.node`"),
        (b'{"do":"status","args":' + b"[" * 60_000, "not a request"),
    ],
)
def test_what_is_wrong_is_named(line: bytes, complaint: str) -> None:
    refused = refusal(line)
    assert refused.code is ExitCode.USAGE
    assert complaint in refused.reason


@given(st.binary(max_size=300))
def test_no_line_does_worse_than_be_refused(line: bytes) -> None:
    refused = refusal(line)  # Three hundred random bytes are never a request.
    assert refused.code is ExitCode.USAGE


def test_a_request_that_does_not_fit_a_line_is_refused() -> None:
    with pytest.raises(Refused, match="longer than 65536"):
        protocol.encode_request(Request("why", 1, {"group": "x" * 70_000}))


def test_a_long_history_loses_its_oldest_entries_and_says_so() -> None:
    entries = [{"at": number, "because": "x" * 1000} for number in range(200)]
    line = protocol.encode_result(7, {"entries": entries})
    assert len(line) <= protocol.LINE_MAX
    result = json.loads(line)["result"]
    assert result["entries"][-1]["at"] == 199
    assert result["left_out"] == result["entries"][0]["at"] == 200 - len(result["entries"])
    assert len(result["entries"]) >= 60


def test_a_history_that_just_fits_is_left_alone() -> None:
    entries = [{"at": number} for number in range(100)]
    assert json.loads(protocol.encode_result(7, {"entries": entries}))["result"] == {
        "entries": entries
    }


@pytest.mark.parametrize("result", [{"entries": [], "x": "y" * 70_000}, "y" * 70_000])
def test_any_other_answer_that_does_not_fit_becomes_an_error(result: object) -> None:
    reply = json.loads(protocol.encode_result("a", result))
    assert reply == {
        "id": "a",
        "ok": False,
        "code": 1,
        "error": "The answer is longer than 65536 bytes.",
    }


def test_an_event_that_json_cannot_say_is_none() -> None:
    assert protocol.encode_event({"a": 1}) == b'{"event":{"a":1}}\n'
    assert protocol.encode_event({"a": object()}) is None
    assert protocol.encode_event({"a": "\udc80"}) is None
    assert protocol.encode_event({"a": "x" * 70_000}) is None
