"""A real web server on loopback that records what it is sent and answers as it is told."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Receiver:
    """What was asked of the server, and how it answers."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        """Of the next answers; 200 when there is none left."""
        self.silent = threading.Event()
        """While set, a request is taken and not answered."""
        self.released = threading.Event()


@contextmanager
def receiver(certificate: Path | None = None) -> Iterator[Receiver]:
    """Serve on a free port of loopback; with a certificate (and its key in one file) over TLS."""
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests.append((self.path, dict(self.headers.items()), body))
            if state.silent.is_set():
                state.released.wait(30)
                return
            self.send_response(state.statuses.pop(0) if state.statuses else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(b"said\n  the server")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate is not None:
        scheme = "https"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    state.url = f"{scheme}://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def make_certificate(place: Path) -> Path:
    """Make a certificate of localhost that only who is told to trusts."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", str(place), "-out", f"{place}.pem"],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    with place.open("a") as whole:
        whole.write(Path(f"{place}.pem").read_text())
    return place
