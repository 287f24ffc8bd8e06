"""POST one document to one URL: a program of its own, so that no daemon waits for a name or a peer.

Standard input is a line of JSON that says where to (`url`, or `url_file`; `timeout` in seconds;
`secret`, `headers` and `ca`: files, or empty) and then the document. It ends with 0 when the answer
is 2xx, else with 1 and a sentence on standard error. Redirections are not followed: a document goes
to whom it was configured for. What is secret stands in no argument, environment or message.
"""

import hashlib
import hmac
import http.client
import json
import ssl
import sys
import urllib.parse
from typing import Any

from .private import PrivateError, read_private

SIGNATURE = "X-Twinbeat-Signature"
UNFIT = "the URL or a header holds a character that must not be there"
"""The libraries' own texts quote what may be secret."""
ANSWER_BYTES = 4096
"""Of an answer no more is read."""
SAID_MAX = 200


def main() -> int:
    """Do what standard input says; return the exit code."""
    order = json.loads(sys.stdin.buffer.readline())
    body = sys.stdin.buffer.read()
    try:
        url = order["url"] or read_private(order["url_file"])
        status, reason, said = post(url, body, order)
    except PrivateError as error:
        return _failed(str(error))
    except http.client.InvalidURL:
        return _failed(UNFIT)
    except (OSError, http.client.HTTPException) as error:
        return _failed(f"no answer: {error or type(error).__name__}")
    except ValueError:
        return _failed(UNFIT)
    if 200 <= status < 300:
        return 0
    return _failed(f"the answer is {status} {reason}{': ' if said else ''}{said}")


def post(url: str, body: bytes, order: dict[str, Any]) -> tuple[int, str, str]:
    """Return the status, its words, and how the answer begins.

    Raises `PrivateError`, or whatever a connection can fail with.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PrivateError("the file with the URL holds none that begins with http:// or https://")
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        trust = _trust(order["ca"])
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=order["timeout"], context=trust
        )
    else:
        connection = http.client.HTTPConnection(
            parts.hostname, parts.port, timeout=order["timeout"]
        )
    path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    try:
        connection.request("POST", path, body, headers(body, order))
        answer = connection.getresponse()
        said = answer.read(ANSWER_BYTES).decode("utf-8", "replace")
        return answer.status, answer.reason, " ".join(said.split())[:SAID_MAX]
    finally:
        connection.close()


def _trust(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise PrivateError(f"{ca} holds no certificates: {error}") from None


def headers(body: bytes, order: dict[str, Any]) -> dict[str, str]:
    """Return the head of the request; raises `PrivateError`."""
    head = {"Content-Type": "application/json", "User-Agent": "twinbeat"}
    for line in read_private(order["headers"]).splitlines() if order["headers"] else ():
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise PrivateError(f"{order['headers']} has a line that is not `Name: value`")
        head[name.strip()] = value.strip()
    if order["secret"]:
        head[SIGNATURE] = signature(read_private(order["secret"]), body)
    return head


def signature(secret: str, body: bytes) -> str:
    """Return what proves to whoever knows the secret that the document is ours and whole."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def _failed(why: str) -> int:
    print(why, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
