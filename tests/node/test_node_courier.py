"""What reaches a program, a mail server and a web server, and what of them counts as taken."""

import asyncio
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hooks_receiver import make_certificate, receiver

from twinbeat.agents.base import AgentError
from twinbeat.core.effects import What
from twinbeat.core.hook import HookKind, HookSpec, State
from twinbeat.core.units import GroupName, Instant, NodeName, milliseconds, seconds
from twinbeat.hooks import Deliver, Notice
from twinbeat.journal import Entry
from twinbeat.node.courier import Courier

WEB, NODE2 = GroupName("web"), NodeName("node2")
ENTRY = Entry(
    at=Instant(1),
    wall_ns=1_780_000_000_000_000_000,
    node=NODE2,
    what=What.GROUP_HELD,
    because="every resource is started",
    group=WEB,
    evidence={"from": "node1"},
)
NOTICE = Notice(
    group=WEB,
    state=State.HELD,
    previous=State.STARTING,
    reason="node1 is dead: nothing was heard of it for 2.00 s",
    term=2,
    owner=NODE2,
    entry=ENTRY,
)


class Bench:
    """A courier with a mail server of its own, and a directory for programs and secrets."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log: list[str] = []
        self.courier = Courier(
            "linux-ha",
            self.tale,
            self.apart,
            lambda level, text: self.log.append(f"{level}: {text}"),
            (str(directory / "sendmail"),),
            str(directory / "mail"),
        )

    async def tale(self, entry: Entry) -> str:
        return f"{entry.group} moved from node1 to node2"

    async def apart(self, job: Callable[[], str]) -> str:
        return await asyncio.to_thread(job)

    def script(self, name: str, text: str) -> str:
        path = self.directory / name
        path.write_text(f"#!/bin/sh\nhere={self.directory}\n{text}\n")
        path.chmod(0o755)
        return str(path)

    def private(self, name: str, text: str, mode: int = 0o600) -> str:
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def deliver(self, kind: HookKind, target: str, **keys: object) -> None:
        hook = HookSpec(name="pager", kind=kind, target=target, **keys)  # type: ignore[arg-type]
        delivery = Deliver(1, hook, NOTICE, attempt=1, repeated=False, left_out=0)
        asyncio.run(asyncio.wait_for(self.courier.deliver(delivery), 30))

    def fails(self, kind: HookKind, target: str, **keys: object) -> str:
        with pytest.raises((AgentError, OSError)) as caught:
            self.deliver(kind, target, **keys)
        return str(caught.value)

    def read(self, name: str) -> str:
        return (self.directory / name).read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# A program.


def test_a_program_gets_its_arguments_its_environment_and_the_document(bench: Bench) -> None:
    path = bench.script(
        "page", 'printf "%s|" "$@" >$here/args; env >$here/env; cat >$here/document; echo done'
    )
    bench.deliver(HookKind.RUN, f"{path} --to 'the admin' $HOME")
    assert bench.read("args") == "--to|the admin|$HOME|", "no shell reads the line"
    environment = dict(line.split("=", 1) for line in bench.read("env").splitlines())
    assert environment["TWINBEAT_STATE"] == "held"
    assert environment["TWINBEAT_FROM"] == "node1"
    assert environment["PATH"].startswith("/usr/local/sbin:")
    assert "HOME" not in environment, "it is not the daemon's environment"
    document = json.loads(bench.read("document"))
    assert (document["group"], document["state"], document["schema"]) == ("web", "held", 1)
    assert bench.log == ["debug: hook pager: done"]


def test_a_program_that_reads_nothing_is_no_failure(bench: Bench) -> None:
    bench.deliver(HookKind.RUN, bench.script("page", "exit 0"))


def test_an_exit_code_is_a_failure_with_the_programs_last_words(bench: Bench) -> None:
    path = bench.script("page", "echo starting; echo no modem >&2; exit 3")
    assert bench.fails(HookKind.RUN, path) == "exit code 3; it said: no modem"


def test_a_program_that_hangs_is_killed_with_its_children(bench: Bench) -> None:
    path = bench.script("page", "sleep 60 & echo $! >$here/child; wait")
    assert bench.fails(HookKind.RUN, path, timeout=milliseconds(400)).startswith(
        "killed after 0.4 s"
    )
    child, end = int(bench.read("child")), time.monotonic() + 10
    while _runs(child):
        assert time.monotonic() < end, "the child lives on"
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_program_that_others_may_change_or_that_is_not_there_is_not_run(bench: Bench) -> None:
    path = bench.script("page", "touch $here/run")
    os.chmod(path, 0o777)
    assert "its group or others may write it" in bench.fails(HookKind.RUN, path)
    assert not (bench.directory / "run").exists()
    assert "is no executable file" in bench.fails(HookKind.RUN, f"{path}.gone")


# Mail.


def test_a_letter_goes_to_sendmail_with_the_tale_of_the_move(bench: Bench) -> None:
    bench.script("sendmail", 'echo "$@" >$here/args; cat >$here/letter')
    bench.deliver(HookKind.MAIL, "root@example.com, ops@example.com")
    assert bench.read("args") == "-t -i\n"
    head, _, body = bench.read("letter").partition("\n\n")
    assert head.splitlines()[:2] == [
        "To: root@example.com, ops@example.com",
        "Subject: node2 took over web from node1: node1 is dead: nothing was heard of it for "
        "2.00 s",
    ]
    assert body.endswith("`twinbeat why web`:\nweb moved from node1 to node2\n")


def test_without_sendmail_mail_is_called_with_the_subject(bench: Bench) -> None:
    bench.script("mail", 'printf "%s|" "$@" >$here/args; cat >$here/body')
    bench.deliver(HookKind.MAIL, "root@example.com, ops@example.com")
    assert bench.read("args") == (
        "-s|node2 took over web from node1: node1 is dead: nothing was heard of it for 2.00 s|"
        "root@example.com|ops@example.com|"
    )
    assert bench.read("body").startswith("node2 took over web from node1")


def test_without_any_mailer_it_is_said_what_to_install(bench: Bench) -> None:
    said = bench.fails(HookKind.MAIL, "root@example.com")
    assert said.startswith(f"there is neither {bench.directory}/sendmail nor ")
    assert "install a mail server" in said


def test_a_mail_server_that_refuses_is_a_failure(bench: Bench) -> None:
    bench.script("sendmail", "echo queue file write error >&2; exit 75")
    said = bench.fails(HookKind.MAIL, "root@example.com")
    assert said == "exit code 75; it said: queue file write error"


# Webhooks.


def test_a_web_server_is_sent_the_document_signed_and_with_the_headers(bench: Bench) -> None:
    secret = bench.private("secret", "SpecSecret\n")
    headers = bench.private("headers", "Authorization: Bearer SpecToken\nX-Team: ops\n")
    with receiver() as server:
        bench.deliver(HookKind.WEBHOOK, f"{server.url}/hook?a=1", secret=secret, headers=headers)
        ((path, head, body),) = server.requests
    assert path == "/hook?a=1"
    assert json.loads(body)["summary"].startswith("node2 took over web")
    signed = hmac.new(b"SpecSecret", body, hashlib.sha256).hexdigest()
    assert head["X-Twinbeat-Signature"] == f"sha256={signed}"
    assert (head["Authorization"], head["X-Team"]) == ("Bearer SpecToken", "ops")
    assert head["Content-Type"] == "application/json"
    assert "Spec" not in "".join(bench.log)


def test_a_url_may_be_in_a_file_of_its_own(bench: Bench) -> None:
    with receiver() as server:
        bench.deliver(HookKind.WEBHOOK, bench.private("url", f"{server.url}/T0/B0/token\n"))
        assert [path for path, _, _ in server.requests] == ["/T0/B0/token"]


@pytest.mark.parametrize("status", [204, 200, 299])
def test_2xx_is_taken(bench: Bench, status: int) -> None:
    with receiver() as server:
        server.statuses = [status]
        bench.deliver(HookKind.WEBHOOK, server.url)


@pytest.mark.parametrize(
    ("status", "words"),
    [(503, "Service Unavailable"), (404, "Not Found"), (302, "Found")],
)
def test_any_other_answer_is_a_failure_and_no_redirection_is_followed(
    bench: Bench, status: int, words: str
) -> None:
    with receiver() as server:
        server.statuses = [status]
        said = bench.fails(HookKind.WEBHOOK, server.url)
        assert len(server.requests) == 1
    assert said == f"the answer is {status} {words}: said the server"


def test_a_server_that_never_answers_is_given_up_in_time(bench: Bench) -> None:
    with receiver() as server:
        server.silent.set()
        said = bench.fails(HookKind.WEBHOOK, server.url, timeout=milliseconds(300))
    assert said == "no answer: timed out"


def test_nobody_there_is_a_failure_with_its_reason(bench: Bench) -> None:
    with receiver() as server:
        url = server.url
    assert "refused" in bench.fails(HookKind.WEBHOOK, url)


def test_tls_is_verified_against_the_certificates_that_are_named(bench: Bench) -> None:
    certificate = make_certificate(bench.directory / "server.key")
    with receiver(certificate) as server:
        assert "CERTIFICATE_VERIFY_FAILED" in bench.fails(HookKind.WEBHOOK, server.url)
        missing = bench.fails(HookKind.WEBHOOK, server.url, ca="/nowhere.pem")
        assert missing.startswith("/nowhere.pem holds no certificates: ")
        bench.deliver(HookKind.WEBHOOK, server.url, ca=f"{certificate}.pem")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("url", "http://localhost:1/Spec Secret"),
        ("url", "http://localhost:SpecSecret/"),
        ("headers", "X: Spec€Secret\n"),
        ("headers", "SpecSecret\n"),
        ("url", "SpecSecret"),
    ],
)
def test_a_secret_that_cannot_be_sent_is_not_quoted(bench: Bench, name: str, text: str) -> None:
    path = bench.private(name, text)
    with receiver() as server:
        if name == "url":
            said = bench.fails(HookKind.WEBHOOK, path)
        else:
            said = bench.fails(HookKind.WEBHOOK, server.url, headers=path)
        assert server.requests == []
    assert "Spec" not in said + "".join(bench.log)


@pytest.mark.parametrize("key", ["secret", "headers", "url"])
def test_a_secret_that_others_can_read_is_refused_and_never_sent(bench: Bench, key: str) -> None:
    with receiver() as server:
        text = {"secret": "SpecSecret", "headers": "X: SpecSecret", "url": server.url}[key]
        path = bench.private(key, text, 0o640)
        if key == "url":
            said = bench.fails(HookKind.WEBHOOK, path)
        else:
            said = bench.fails(HookKind.WEBHOOK, server.url, **{key: path})
        assert server.requests == []
    assert said == (
        f"{path} is refused: others than its owner may read or write it (mode 640); "
        f"remedy: chmod 600 {path}"
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "cannot be read: No such file or directory"),
        (lambda path: path.mkdir(), "is no regular file"),
        (lambda path: os.mkfifo(path, 0o600), "is no regular file"),
        (lambda path: path.write_text(" \n"), "is empty"),
        (lambda path: path.write_text("x" * 70_000), "is longer than 64 KiB"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "is not UTF-8 text"),
    ],
)
def test_what_is_no_secret_is_refused(
    bench: Bench, make: Callable[[Path], object], said: str
) -> None:
    path = bench.directory / "secret"
    before = os.umask(0o077)
    try:
        make(path)
    finally:
        os.umask(before)
    with receiver() as server:
        told = bench.fails(HookKind.WEBHOOK, server.url, secret=str(path), timeout=seconds(10))
        assert server.requests == []
    assert said in told
