"""Signatures of packets: Heartbeat's crc, md5 and sha1, and sha256 beside them.

All but crc are HMAC (RFC 2104) over the signed bytes with the secret of authkeys, in lower-case
hexadecimal. Heartbeat 3.0.6 verifies a netstring packet with the secret of the *selected* key,
whichever key the packet names; here every key is verified with its own.
"""

import hashlib
import hmac
import zlib
from functools import lru_cache

from twinbeat.core.model import Key, Keyring

from .message import Reason, WireError, shown

MAX_KEY_DIGITS = 9

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def sign(keyring: Keyring, signed: bytes) -> bytes:
    """Return `KEYNUMBER HEXDIGEST` by the active key."""
    return _signature(keyring.keys[keyring.active], signed)


def verify(keyring: Keyring, signature: bytes, signed: bytes) -> None:
    """Raise WireError unless a key that is accepted for incoming packets made the signature.

    Every configured key is, so that keys can be changed node by node; but crc, which anybody can
    compute, only when it is also the method by which this node signs.
    """
    number = signature.partition(b" ")[0]
    if not number.isdigit() or len(number) > MAX_KEY_DIGITS:
        raise WireError(Reason.BAD_SIGNATURE, f"unreadable signature {shown(signature)}")
    key = keyring.keys.get(int(number))
    if key is None:
        raise WireError(Reason.UNKNOWN_KEY, f"signed with key {int(number)}, not in authkeys")
    active = keyring.keys.get(keyring.active)
    if key.method == "crc" and (active is None or active.method != "crc"):
        raise WireError(Reason.METHOD_REFUSED, f"signed with key {key.number}, which is only a crc")
    if not hmac.compare_digest(_signature(key, signed), signature):
        raise WireError(Reason.BAD_SIGNATURE, f"does not match {key.method} key {key.number}")


def _signature(key: Key, signed: bytes) -> bytes:
    if key.method == "crc":
        return b"%d %x" % (key.number, crc32_msb(signed))
    begun_inner, begun_outer = _begun(key.method, key.secret)
    inner, outer = begun_inner.copy(), begun_outer.copy()
    inner.update(signed)
    outer.update(inner.digest())
    return b"%d %b" % (key.number, outer.hexdigest().encode())


@lru_cache(maxsize=64)
def _begun(method: str, secret: bytes) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """Return the two digests of RFC 2104, begun with the key: all that is the same every time.

    Python's own `hmac` begins them anew, or copies through three layers of its own.
    """
    inner, outer = hashlib.new(method), hashlib.new(method)
    if len(secret) > inner.block_size:
        secret = hashlib.new(method, secret).digest()
    padded = secret.ljust(inner.block_size, b"\0")
    inner.update(bytes(byte ^ 0x36 for byte in padded))
    outer.update(bytes(byte ^ 0x5C for byte in padded))
    return inner, outer


def crc32_msb(data: bytes) -> int:
    """Return the CRC-32 of POSIX cksum without its length: most significant bit first, from 0.

    It is zlib's CRC-32 seen in a mirror: of mirrored bytes, the result mirrored back. zlib starts
    from the complement of its second argument, here from 0, and complements the result.
    """
    return int(f"{zlib.crc32(data.translate(_MIRRORED), 0xFFFF_FFFF):032b}"[::-1], 2)
