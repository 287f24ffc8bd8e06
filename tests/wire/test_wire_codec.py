"""Both encodings and all signatures: golden vectors, each reason to reject, round trips."""

import hashlib
import hmac
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wire_captures import CAPTURES, SPEC, packets

from twinbeat.core.model import Key, Keyring
from twinbeat.wire.codec import decode, encode, encode_classic, encode_netstring
from twinbeat.wire.heartbeat import unpack
from twinbeat.wire.message import (
    MAX_DEPTH,
    MAX_FIELDS,
    MAX_PACKET,
    Message,
    Reason,
    Value,
    WireError,
    shown,
)
from twinbeat.wire.signing import crc32_msb

SHA1 = Key(1, "sha1", b"SpecSecret")
MD5 = Key(2, "md5", b"hello")
CRC = Key(3, "crc", b"")
SHA256 = Key(4, "sha256", b"correct-horse")
KEYS = {key.number: key for key in (SHA1, MD5, CRC, SHA256)}

STATUS_UP = Message([("t", "status"), ("st", "up")])
NETSTRING = b"###\n11:(0)t=status,8:(0)st=up,%%%\n"
CLASSIC = b"t=status\nst=up\n"

# By `openssl dgst -METHOD -hmac SECRET`, and for crc by long division, bit after bit.
NETSTRING_DIGESTS = {
    1: b"d336b99c43348f782ff6f4f7b9118c2fbeac1a07",
    2: b"9e8b5f81bee65931d059133ffca487ea",
    3: b"46c4001e",
    4: b"4b700667f78b7c0e1abfcbf5ddc36b06faba2adadbe15a75ac9f244263f546a3",
}
CLASSIC_DIGESTS = {
    1: b"158d2228fed6e0dfa61da9966cbce05f796948b8",
    2: b"a08656832a0e34f0521c9670943502d1",
    3: b"a6967f20",
    4: b"f79c617ccac79c0c4a71f206364b6f2d69a78c1dfd714ef8daa9e61be4ed26e1",
}


def netstring_packet(key: int) -> bytes:
    signature = b"%d %b" % (key, NETSTRING_DIGESTS[key])
    return NETSTRING + b"%d:%b," % (len(signature), signature)


def classic_packet(key: int) -> bytes:
    return b">>>\n" + CLASSIC + b"auth=%d %b\n<<<\n" % (key, CLASSIC_DIGESTS[key])


def keyring(active: int) -> Keyring:
    return Keyring(active, KEYS)


def signed_netstring(body: bytes) -> bytes:
    """Sign whatever stands between the marks, as a key holder with bad intent would."""
    text = b"###\n" + body + b"%%%\n"
    return text + b"42:1 %b," % hmac.new(b"SpecSecret", text, hashlib.sha1).hexdigest().encode()


def signed_classic(lines: bytes) -> bytes:
    digest = hmac.new(b"SpecSecret", lines, hashlib.sha1).hexdigest().encode()
    return b">>>\n" + lines + b"auth=1 %b\n<<<\n" % digest


def rejection(packet: bytes, keys: Keyring = SPEC) -> WireError:
    with pytest.raises(WireError) as caught:
        decode(packet, keys)
    return caught.value


# --- golden vectors -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_packets_signed_by_other_tools_are_accepted(key: int) -> None:
    keys = keyring(active=key)
    assert decode(netstring_packet(key), keys) == STATUS_UP
    assert decode(classic_packet(key), keys) == STATUS_UP


@pytest.mark.parametrize("key", KEYS)
def test_what_is_sent_is_signed_by_the_active_key(key: int) -> None:
    keys = keyring(active=key)
    assert encode_classic(STATUS_UP, keys) == classic_packet(key)
    inner = b"auth=%d %b" % (key, CLASSIC_DIGESTS[key])
    body = NETSTRING[:-4] + b"%d:(0)%b,%%%%%%\n" % (len(inner) + 3, inner)
    assert encode(STATUS_UP, keys).startswith(body)
    assert decode(encode(STATUS_UP, keys), keys) == STATUS_UP


def test_without_the_inner_signature_a_packet_is_as_with_msgfmt_netstring() -> None:
    assert encode_netstring(STATUS_UP, keyring(1)) == netstring_packet(1)


def test_every_type_in_netstring_encoding() -> None:
    child = Message([("st", "up")])
    message = Message([("t", "x"), ("bin", b"\0=,\n"), ("child", child), ("names", ("abc", "d\n"))])
    body = b"6:(0)t=x,11:(1)bin=\0=,\n,28:(2)child=###\n8:(0)st=up,%%%\n,20:(3)names=3:abc,2:d\n,,"
    assert decode(signed_netstring(body), SPEC) == message
    assert encode(message, SPEC) == signed_netstring(body), "a struct leaves no inner signature"


def test_every_type_in_classic_encoding() -> None:
    grandchild = Message([("deep", "a\nb")])
    child = Message([("st", "up"), ("more", grandchild)])
    message = Message([("bin", b"\0\xff\n"), ("child", child), ("names", ("abc", "defg"))])
    lines = (
        b"(1)bin=AP8K\n"
        b"(2)child=>>>\x14st=up\x14(2)more=>>>\x15deep=a\x13b\x15<<<\x15\x14<<<\x14\n"
        b"(3)names=3:abc,4:defg,\n"
    )
    assert encode_classic(message, SPEC) == signed_classic(lines)
    assert decode(signed_classic(lines), SPEC) == message


def test_a_string_keeps_bytes_that_are_no_utf8() -> None:
    packet = signed_netstring(b"8:(0)t=\xff\xe9A,")
    message = decode(packet, SPEC)
    assert b"8:(0)t=\xff\xe9A," in encode(message, SPEC)


def test_crc_is_the_one_of_posix_cksum_without_the_length() -> None:
    """`printf 123456789 | cksum` says 930766865 9; cksum appends the length to the data."""
    assert crc32_msb(b"123456789\x09") == 930766865
    assert crc32_msb(b"123456789") == 0x765E7680


def crc_bit_after_bit(data: bytes) -> int:
    register = 0
    for byte in data:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ 0x04C11DB7 if register >> 31 else register << 1) & (
                2**32 - 1
            )
    return register ^ 0xFFFFFFFF


@given(st.binary(max_size=100))
def test_crc_equals_the_long_division(data: bytes) -> None:
    assert crc32_msb(data) == crc_bit_after_bit(data)


# --- which keys are accepted --------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 64, 65, 200])
@pytest.mark.parametrize("method", ["md5", "sha1", "sha256"])
def test_a_signature_is_rfc_2104_for_a_secret_of_any_length(method: str, size: int) -> None:
    secret = bytes(range(size))
    expected = hmac.new(secret, NETSTRING, method).hexdigest().encode()
    packet = encode_netstring(STATUS_UP, Keyring(7, {7: Key(7, method, secret)}))
    assert packet == NETSTRING + b"%d:7 %b," % (len(expected) + 2, expected)


@pytest.mark.parametrize("active", KEYS)
@pytest.mark.parametrize("key", [1, 2, 4])
def test_every_configured_hmac_key_is_accepted_with_its_own_secret(active: int, key: int) -> None:
    assert decode(netstring_packet(key), keyring(active)) == STATUS_UP
    assert decode(classic_packet(key), keyring(active)) == STATUS_UP


def test_the_selected_keys_secret_does_not_pass_for_another_key() -> None:
    """Heartbeat 3.0.6 accepts exactly this one and rejects the right one."""
    digest = hmac.new(SHA1.secret, NETSTRING, hashlib.md5).hexdigest().encode()
    assert rejection(NETSTRING + b"34:2 %b," % digest, keyring(1)).reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("active", [1, 2, 4])
@pytest.mark.parametrize("packet", [netstring_packet(3), classic_packet(3)])
def test_a_crc_counts_only_when_it_is_the_selected_method(active: int, packet: bytes) -> None:
    assert rejection(packet, keyring(active)).reason is Reason.METHOD_REFUSED


def test_the_secret_is_in_no_message_of_ours() -> None:
    text = repr(keyring(1)) + str(rejection(netstring_packet(2)[:-3] + b"00,", keyring(1)))
    assert "SpecSecret" not in text
    assert "hello" not in text


# --- every reason to reject ---------------------------------------------------------------------

deep = b"6:(0)t=x,"
for _ in range(MAX_DEPTH + 1):
    inner = b"(2)s=###\n" + deep + b"%%%\n"
    deep = b"%d:%b," % (len(inner), inner)

deep_classic = b"t=x\n"
for code in (*range(19, 14, -1), *range(31, 19, -1)):
    deep_classic = b"(2)s=" + (b">>>\n" + deep_classic + b"<<<\n").replace(b"\n", bytes((code,)))
    deep_classic += b"\n"

GOOD = netstring_packet(1)

REJECTED = [
    (b"", Reason.UNKNOWN_ENCODING),
    (b"hello", Reason.UNKNOWN_ENCODING),
    (b"GET / HTTP/1.1\r\n\r\n", Reason.UNKNOWN_ENCODING),
    (GOOD + b" " * (MAX_PACKET + 1 - len(GOOD)), Reason.TOO_LONG),
    # signatures
    (NETSTRING, Reason.MISSING_SIGNATURE),
    (b">>>\n<<<\n", Reason.MISSING_SIGNATURE),
    (b">>>\n" + CLASSIC + b"<<<\n", Reason.MISSING_SIGNATURE),
    (NETSTRING + b"42:9 " + NETSTRING_DIGESTS[1] + b",", Reason.UNKNOWN_KEY),
    (classic_packet(2), Reason.UNKNOWN_KEY),
    (GOOD.replace(b"st=up", b"st=UP"), Reason.BAD_SIGNATURE),
    (GOOD[:-2] + b"8,", Reason.BAD_SIGNATURE),
    (GOOD[:-1], Reason.BAD_SIGNATURE),
    (GOOD + b"\0", Reason.BAD_SIGNATURE),
    (GOOD + GOOD[-46:], Reason.BAD_SIGNATURE),
    (GOOD.replace(b"42:1", b"41:1"), Reason.BAD_SIGNATURE),
    (GOOD.replace(b"42:1 ", b"43:01 "), Reason.BAD_SIGNATURE),
    (NETSTRING + b"42:1 " + NETSTRING_DIGESTS[1].upper() + b",", Reason.BAD_SIGNATURE),
    (NETSTRING + b"1:x,", Reason.BAD_SIGNATURE),
    (b">>>\nauth=x\n<<<\n", Reason.BAD_SIGNATURE),
    (classic_packet(1).replace(b"st=up", b"st=UP"), Reason.BAD_SIGNATURE),
    # structure, rightly signed
    (b"###\n", Reason.MALFORMED),
    (GOOD[:20], Reason.MALFORMED),
    (classic_packet(1)[:-1], Reason.MALFORMED),
    (signed_netstring(b"x"), Reason.MALFORMED),
    (signed_netstring(b"6:(0)t=x"), Reason.MALFORMED),
    (signed_netstring(b"7:(0)t=x,"), Reason.MALFORMED),
    (signed_netstring(b"3:(0)t=x,"), Reason.MALFORMED),
    (signed_netstring(b"06:(0)t=x,"), Reason.MALFORMED),
    (signed_netstring(b"99999:(0)t=x,"), Reason.MALFORMED),
    (signed_netstring(b"999999999999:(0)t=x,"), Reason.MALFORMED),
    (signed_netstring(b"-6:(0)t=x,"), Reason.MALFORMED),
    (signed_netstring(b"5:(0)=x,"), Reason.MALFORMED),
    (signed_netstring(b"7:(0)(t=x,"), Reason.MALFORMED),
    (signed_netstring(b"7:(0)t\xff=x,"), Reason.MALFORMED),
    (signed_netstring(b"8:(2)s=###,"), Reason.MALFORMED),
    (signed_classic(b"(0)t=status\n"), Reason.MALFORMED),
    (signed_classic(b"no equals sign\n"), Reason.MALFORMED),
    (signed_classic(b"t=\n"), Reason.MALFORMED),
    (classic_packet(1).replace(b"<<<", b"auth=1 00\n<<<"), Reason.MALFORMED),
    # types and values
    (signed_netstring(b"6:(4)t=x,"), Reason.UNSUPPORTED_TYPE),
    (signed_netstring(b"6:(5)t=x,"), Reason.UNSUPPORTED_TYPE),
    (signed_netstring(b"6:(9)t=x,"), Reason.UNSUPPORTED_TYPE),
    (signed_classic(b"(4)t=eA==\n"), Reason.UNSUPPORTED_TYPE),
    (signed_netstring(b"25:(1)_compressed_payload=zz,"), Reason.UNSUPPORTED_TYPE),
    (signed_netstring(b"7:(0)t=x\0,"), Reason.BAD_FIELD),
    (signed_classic(b"t=x\0y\n"), Reason.BAD_FIELD),
    (signed_classic(b"(1)u=!!!!\n"), Reason.BAD_FIELD),
    (signed_classic(b"(1)u=QQ\n"), Reason.BAD_FIELD),
    (signed_classic(b"(2)s=>>>\x14t=x\n"), Reason.BAD_FIELD),
    (signed_classic(b"(3)l=3:ab,\n"), Reason.BAD_FIELD),
    (signed_netstring(b"9:(3)l=3:ab,"), Reason.BAD_FIELD),
    (signed_netstring(b"10:(3)l=3:ab,,"), Reason.BAD_FIELD),
    (signed_netstring(b"11:(3)l=02:ab,,"), Reason.BAD_FIELD),
    (signed_netstring(b"8:(3)l=-1:,"), Reason.BAD_FIELD),
    (signed_netstring(b"9:(3)l=1:\0,,"), Reason.BAD_FIELD),
    # bounds
    (signed_netstring(deep), Reason.TOO_DEEP),
    (signed_classic(deep_classic), Reason.TOO_DEEP),
    (signed_netstring(b"6:(0)t=x," * (MAX_FIELDS + 1)), Reason.TOO_MANY),
    (signed_classic(b"t=x\n" * (MAX_FIELDS + 1)), Reason.TOO_MANY),
    (signed_netstring(b"776:(3)l=" + b"0:," * (MAX_FIELDS + 1) + b","), Reason.TOO_MANY),
]  # fmt: skip


@pytest.mark.parametrize(("packet", "reason"), REJECTED)
def test_a_bad_packet_is_rejected_for_its_own_reason(packet: bytes, reason: Reason) -> None:
    error = rejection(packet)
    assert error.reason is reason, error
    assert str(error).isascii()
    assert str(error).isprintable()
    assert len(str(error)) < 500


def test_one_struct_less_is_not_too_deep() -> None:
    inner = deep[deep.index(b"###\n") + 4 : -5]
    message = decode(signed_netstring(inner), SPEC)
    for _ in range(MAX_DEPTH):
        child = message.get("s")
        assert isinstance(child, Message)
        message = child
    assert message.text("t") == "x"


def test_messages_of_one_length_are_each_cut_where_their_own_fields_end() -> None:
    bodies = {
        b"6:(0)a=1,8:(0)b=223,": [("a", "1"), ("b", "223")],
        b"8:(0)a=122,6:(0)b=3,": [("a", "122"), ("b", "3")],
        b"7:(0)a=1,,7:(0)b=2,,": [("a", "1,"), ("b", "2,")],
        b"16:(0)a=1,6:(0)b=2,,": [("a", "1,6:(0)b=2,")],
        b"7:(1)a=1,,7:(3)b=1:,": Reason.BAD_FIELD,
    }
    for body, expected in [*bodies.items()] * 2:
        packet = signed_netstring(body)
        if isinstance(expected, Reason):
            assert rejection(packet).reason is expected
        else:
            assert decode(packet, SPEC).fields == expected


def test_as_many_fields_as_allowed_are_read() -> None:
    assert len(decode(signed_netstring(b"6:(0)t=x," * MAX_FIELDS), SPEC)) == MAX_FIELDS


def test_blank_lines_between_classic_lines_are_skipped() -> None:
    packet = classic_packet(1).replace(b">>>\n", b">>>\n\n\n").replace(b"st=up\n", b"st=up\n\n")
    assert decode(packet, SPEC) == STATUS_UP


def test_peer_text_is_shown_escaped_and_short() -> None:
    assert shown("a\nb\x1b[31m\u202e") == r"'a\nb\x1b[31m\u202e'"
    assert shown(b"\xff" * 1000) == "'" + r"\xff" * 40 + "'... (1000 in all)"


# --- what cannot be sent ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a=b", "a b", "(t", "é", "n" * 129, "a\n"])
def test_no_field_can_have_such_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="no field can be called"):
        Message().add(name, "x")


@pytest.mark.parametrize("value", ["a\0b", ("fine", "a\0b")])
def test_no_string_contains_nul(value: Value) -> None:
    with pytest.raises(ValueError, match="NUL"):
        Message().add("t", value)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "empty"),
        (b"", "empty"),
        ((), "empty"),
        ("a\x13b", "byte 19"),
        (("a\nb",), "newline"),
        (Message([("st", "")]), "empty"),
        (Message([("st", "a\x14b")]), "cannot be written"),
    ],
)
def test_what_a_classic_line_cannot_carry_is_not_sent(value: Value, why: str) -> None:
    message = Message([("t", "x"), ("odd", value)])
    with pytest.raises(ValueError, match=why):
        encode_classic(message, SPEC)
    assert decode(encode(message, SPEC), SPEC) == message, "a netstring carries it"


def test_nobody_brings_an_own_signature() -> None:
    message = Message([("t", "x"), ("auth", "1 00")])
    for encoder in (encode, encode_netstring, encode_classic):
        with pytest.raises(ValueError, match="auth"):
            encoder(message, SPEC)


def test_a_packet_that_no_peer_would_read_is_not_sent() -> None:
    message = Message([("t", "x" * MAX_PACKET)])
    for encoder in (encode, encode_netstring, encode_classic):
        with pytest.raises(ValueError, match="bytes"):
            encoder(message, SPEC)


# --- properties ---------------------------------------------------------------------------------

names = st.from_regex(r"[!-')-<>-~][!-<>-~]{0,20}", fullmatch=True).filter(
    lambda name: name not in ("auth", "_compressed_payload")
)
any_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
line_text = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n") | st.just("\t"), min_size=1
)
element = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


def as_message(fields: list[tuple[str, Value]]) -> Message:
    message = Message()
    for name, value in fields:
        message.add(name, value)
    return message


def messages(leaf: st.SearchStrategy[Value]) -> st.SearchStrategy[Message]:
    flat = st.lists(st.tuples(names, leaf), max_size=8).map(as_message)
    return st.recursive(
        flat,
        lambda child: st.lists(st.tuples(names, leaf | child), max_size=4).map(as_message),
        max_leaves=6,
    )


netstring_leaf: st.SearchStrategy[Value] = (
    any_text | st.binary() | st.lists(any_text, max_size=4).map(tuple)
)
classic_leaf: st.SearchStrategy[Value] = (
    line_text | st.binary(min_size=1) | st.lists(element, min_size=1, max_size=4).map(tuple)
)


@given(messages(netstring_leaf), st.sampled_from(sorted(KEYS)))
def test_any_message_survives_the_netstring_encoding(message: Message, key: int) -> None:
    assert decode(encode(message, keyring(key)), keyring(key)) == message


@given(messages(classic_leaf), st.sampled_from(sorted(KEYS)))
def test_any_writable_message_survives_the_classic_encoding(message: Message, key: int) -> None:
    assert decode(encode_classic(message, keyring(key)), keyring(key)) == message


def reads_or_rejects(packet: bytes) -> None:
    """Whatever comes in: a message that can be sent again, or a WireError and nothing else."""
    with suppress(WireError):
        message = decode(packet, SPEC)
        assert decode(encode(message, SPEC), SPEC) == message
        unpack(message)


@given(st.sampled_from([b"", b"###\n", b">>>\n"]), st.binary(max_size=300))
@example(b"###\n", b"%%%\n1:,")
def test_any_bytes_are_read_or_rejected(begin: bytes, rest: bytes) -> None:
    reads_or_rejects(begin + rest)


@given(st.binary(max_size=200) | st.text("0123456789:()=,t>#%\n<").map(str.encode))
def test_any_bytes_under_a_good_signature_are_read_or_rejected(body: bytes) -> None:
    reads_or_rejects(signed_netstring(body))
    reads_or_rejects(signed_classic(body))


REAL = [packet for path in CAPTURES for packet in packets(path)][::17]


@given(
    st.sampled_from(REAL),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), st.binary(max_size=4)), max_size=4),
    st.booleans(),
)
def test_a_mutated_real_packet_is_read_or_rejected(
    packet: bytes, edits: list[tuple[int, int, bytes]], sign_again: bool
) -> None:
    end = packet.rindex(b"%%%\n") if sign_again else len(packet)
    mutated = packet[4:end] if sign_again else packet
    for at, cut, put in edits:
        mutated = mutated[:at] + put + mutated[at + cut :]
    if sign_again:
        reads_or_rejects(signed_netstring(mutated))
    elif mutated != packet:
        rejection(mutated)
