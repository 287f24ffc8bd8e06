import socket
import struct

from twinbeat.lab import client


def test_checksum_is_rfc_1071s_example() -> None:
    # RFC 1071 section 3: the words 0001 f203 f4f5 f6f7 sum to ddf2, whose complement is 220d.
    assert client.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D


def test_checksum_pads_an_odd_byte() -> None:
    assert client.checksum(b"\x01") == 0xFEFF


def test_a_packet_with_its_checksum_sums_to_zero() -> None:
    packet = client.ip_packet("192.168.0.42", "192.168.0.140", client.echo_request(7, 12345))
    assert client.checksum(packet[:20]) == 0
    assert client.checksum(packet[20:]) == 0
    assert struct.unpack_from("!H", packet, 2)[0] == len(packet)
    assert packet[12:20] == socket.inet_aton("192.168.0.42") + socket.inet_aton("192.168.0.140")


def reply_frame(source: str, kind: int, identifier: int, sent: int) -> bytes:
    icmp = bytearray(client.echo_request(identifier, sent))
    icmp[0] = kind
    return bytes(14) + client.ip_packet(source, "192.168.0.42", bytes(icmp))


def test_a_reply_tells_its_identifier_and_when_it_was_asked_for() -> None:
    frame = reply_frame("192.168.0.140", client.ECHO_REPLY, 0x7462, 987654321012)
    address = socket.inet_aton("192.168.0.140")
    assert client.read_reply(frame, address) == (0x7462, 987654321012)


def test_what_is_no_reply_of_the_address_is_none() -> None:
    address = socket.inet_aton("192.168.0.140")
    other = reply_frame("192.168.0.45", client.ECHO_REPLY, 1, 2)
    request = reply_frame("192.168.0.140", client.ECHO, 1, 2)
    whole = reply_frame("192.168.0.140", client.ECHO_REPLY, 1, 2)
    assert client.read_reply(other, address) is None
    assert client.read_reply(request, address) is None
    for length in range(len(whole)):
        assert client.read_reply(whole[:length], address) is None
