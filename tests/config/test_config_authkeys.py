"""authkeys: one small file of our own for every oddity, and that nothing in it is ever shown."""

import pytest
from config_files import errors, trio, warnings

from twinbeat.config import load
from twinbeat.core.model import Key

GOOD = "0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "active", "keys"),
    [
        (f"auth 1\n1 sha1 {GOOD}\n", 1, [Key(1, "sha1", GOOD.encode())]),
        (f"auth 1\n1 sha256 {GOOD}\n", 1, [Key(1, "sha256", GOOD.encode())]),
        ("# remark\n\n  auth 2 \n\t2 crc \n", 2, [Key(2, "crc", b"")]),
        ("auth3\n3 md5 x\n", 3, [Key(3, "md5", b"x")]),
        ("auth 3  # note\n3 md5 Hello!  # note\n", 3, [Key(3, "md5", b"Hello!")]),
        ('auth 1\n1 md5 "x"\n', 1, [Key(1, "md5", b'"x"')]),
        ("auth 1\n1md5 x\n", 1, [Key(1, "md5", b"x")]),
        ("auth 0\n0 md5 x\n15 sha1 y\n", 0, [Key(0, "md5", b"x"), Key(15, "sha1", b"y")]),
        ("auth 1\n1 md5 x\n1 sha1 y\n", 1, [Key(1, "sha1", b"y")]),
        ("auth 2\nauth 1\n2 md5 x\n1 md5 y\n", 1, [Key(2, "md5", b"x"), Key(1, "md5", b"y")]),
        ("auth 1\n1 md5 x\nauth 2\n", 1, [Key(1, "md5", b"x")]),
        ("auth 1\r\n1 md5 x\r\n", 1, [Key(1, "md5", b"x")]),
        ("auth 1\n1 md5 \udce9\n", 1, [Key(1, "md5", b"\xe9")]),
    ],
)
def test_keys(text: str, active: int, keys: list[Key]) -> None:
    loaded = load(trio(authkeys=text))
    assert errors(loaded) == []
    assert loaded.keyring is not None
    assert loaded.keyring.active == active
    assert list(loaded.keyring.keys.values()) == keys


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "authkeys:0:0 no `auth` line says which key signs"),
        (f"1 sha1 {GOOD}\n", "authkeys:0:0 no `auth` line says which key signs"),
        ("auth 1\n", "authkeys:1:1 there is no key 1"),
        (f"1 sha1 {GOOD}\nauth 1\n", "authkeys:2:1 `auth 1` stands below its key (line 1)"),
        ("auth 1\n1 crc # note\n", "authkeys:2:1 key 1 is crc, which takes no secret, but a word"),
        ("auth 1\n1 sha1\n", "authkeys:2:1 key 1 has no secret"),
        ("auth 1\n1 sha1secret\n", "authkeys:2:1 key 1 has no method that is known"),
        (f"auth 1\n1 SHA1 {GOOD}\n", "authkeys:2:1 key 1 has no method that is known"),
        ("auth 1\n  // remark\n1 md5 x\n", "authkeys:2:3 this line is neither `auth N`, nor a key"),
        ("auth one\n1 md5 x\n", "authkeys:1:1 a line that begins with `a` must be `auth` and"),
        ("auth 16\n16 md5 x\n", "authkeys:2:1 key numbers run from 0 to 15"),
    ],
)
def test_what_is_refused(text: str, found: str) -> None:
    loaded = load(trio(authkeys=text))
    assert len(errors(loaded)) == 1
    assert errors(loaded)[0].startswith(found)
    assert loaded.model is None
    assert loaded.keyring is None


@pytest.mark.parametrize(
    ("mode", "refused"),
    [(0o600, False), (0o400, False), (0o622, False), (0o640, True), (0o604, True), (None, False)],
)
def test_a_key_that_others_can_read_is_refused(mode: int | None, refused: bool) -> None:
    loaded = load(trio(mode=mode))
    assert (loaded.model is None) == refused


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("auth 1\n1 crc\n", "authkeys:2:1 key 1 is crc, which proves nothing"),
        (f"auth 1\n1 sha1 {GOOD}\n2 crc\n", "authkeys:3:1 key 2 is crc and does not sign"),
        ("auth 1\n1 sha1 short\n", "authkeys:2:1 the secret of key 1 is shorter than 16 char"),
        (f"auth 1\n1 sha1 {GOOD} more words\n", "authkeys:2:1 more than one word follows the"),
        (f"auth 1\n1 md5 {GOOD}\nauth 2\n", "authkeys:3:1 this `auth` line comes too late: key 1"),
    ],
)
def test_what_is_weak_is_said(text: str, says: str) -> None:
    loaded = load(trio(authkeys=text))
    assert loaded.model is not None
    assert any(found.startswith(says) for found in warnings(loaded))


@pytest.mark.parametrize(
    "text",
    [
        "auth 1\n1 sha1 HUSHHUSH\n",
        "auth 1\n1 sha1HUSHHUSH\n",
        "auth 1\n1 HUSHHUSH x\n",
        "auth 1\n1 HUSHHUSH\n",
        "auth HUSHHUSH\n",
        "aHUSHHUSH\n",
        "HUSHHUSH\n",
        "auth 1\n1 crc HUSHHUSH\n",
        "auth 1\n1 sha1 HUSH HUSHHUSH\n",
        f"auth 1\n1 sha1 HUSHHUSH{'x' * 6000}\n",
        "1 sha1 HUSHHUSH\nauth 1\n",
        "auth 1\n1 sha1 HUSHHUSH\x01\n",
    ],
)
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_no_word_of_authkeys_is_ever_shown(text: str, mode: int) -> None:
    loaded = load(trio(authkeys=text, mode=mode))
    assert "HUSH" not in "".join(map(str, loaded.diagnostics))
    assert "HUSH" not in repr(loaded)
