"""Carry one delivery to its hook: a program, a letter, a request; each a bounded child."""

import json
import os
import shlex
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from twinbeat.agents.base import AgentError, Log
from twinbeat.agents.child import Ended, run
from twinbeat.agents.command import ENVIRONMENT, last_words, lines
from twinbeat.agents.trust import require_safe
from twinbeat.core.hook import HookKind, HookSpec
from twinbeat.core.units import SECOND
from twinbeat.hooks import Deliver
from twinbeat.hooks.wording import body, document, environment, letter, sentence
from twinbeat.journal import Entry

from . import clock

SENDMAIL = ("/usr/sbin/sendmail", "/usr/lib/sendmail")
MAIL = "/usr/bin/mail"
WEBHOOK = "twinbeat.node.webhook"
GRACE_S = 5.0
"""What a webhook's program may take beside its request: an interpreter has to start."""
LOGGED_LINES = 20


class Courier:
    """Knows every kind of hook. Nothing here waits for a disk, a name or a peer."""

    def __init__(
        self,
        cluster: str,
        tale: Callable[[Entry], Awaitable[str]],
        apart: Callable[[Callable[[], str]], Awaitable[str]],
        log: Log,
        sendmail: tuple[str, ...] = SENDMAIL,
        mail: str = MAIL,
    ) -> None:
        """`tale` tells a letter's reader what happened; `apart` does what may wait for a disk."""
        self.cluster = cluster
        self._tale = tale
        self._apart = apart
        self._log = log
        self._sendmail = sendmail
        self._mail = mail

    async def deliver(self, delivery: Deliver) -> None:
        """Deliver once; raises `AgentError` or `OSError` when it was not taken, with the reason."""
        hook = delivery.hook
        match hook.kind:
            case HookKind.RUN:
                await self._run(delivery)
            case HookKind.MAIL:
                await self._send(delivery)
            case HookKind.WEBHOOK:
                await self._post(delivery)

    async def _run(self, delivery: Deliver) -> None:
        command = shlex.split(delivery.hook.target)
        await self._apart(lambda: trusted(command[0]))
        variables = environment(delivery, self.cluster)
        await self._call(command, variables, self._document(delivery), delivery.hook)

    async def _send(self, delivery: Deliver) -> None:
        tale = await self._tale(delivery.notice.entry)
        program = await self._apart(lambda: mailer(self._sendmail, self._mail))
        if program == self._mail:
            command = [program, "-s", sentence(delivery.notice), *delivery.hook.target.split(", ")]
            text = body(delivery, self.cluster, tale).encode(errors="replace")
        else:
            command = [program, "-t", "-i"]
            text = letter(delivery, self.cluster, _today(), tale)
        await self._call(command, {}, text, delivery.hook)

    async def _post(self, delivery: Deliver) -> None:
        hook = delivery.hook
        in_file = hook.target.startswith("/")
        order = {
            "url": "" if in_file else hook.target,
            "url_file": hook.target if in_file else "",
            "timeout": hook.timeout / SECOND,
            "secret": hook.secret,
            "headers": hook.headers,
            "ca": hook.ca,
        }
        text = json.dumps(order).encode() + b"\n" + self._document(delivery)
        # -P: whatever lies in the working directory is no module of ours.
        await self._call([sys.executable, "-P", "-m", WEBHOOK], {}, text, hook, GRACE_S)

    async def _call(
        self,
        command: list[str],
        variables: dict[str, str],
        text: bytes,
        hook: HookSpec,
        grace: float = 0.0,
    ) -> None:
        limit = hook.timeout / SECOND + grace
        ended = await run(command, {**ENVIRONMENT, **variables}, limit, text=text)
        for line in lines(ended.stdout + "\n" + ended.stderr)[-LOGGED_LINES:]:
            self._log("debug", f"hook {hook.name}: {line}")
        if ended.overran:
            raise AgentError(f"killed after {limit:g} s{last_words(ended)}")
        if ended.code != 0:
            raise AgentError(_outcome(hook, ended))

    def _document(self, delivery: Deliver) -> bytes:
        return document(delivery, self.cluster, _today())


def mailer(sendmail: tuple[str, ...] = SENDMAIL, mail: str = MAIL) -> str:
    """Return the program that takes letters; raises `AgentError`."""
    for path in (*sendmail, mail):
        if os.access(path, os.X_OK):
            return trusted(path)
    raise AgentError(
        f"there is neither {sendmail[0]} nor {mail} on this machine: install a mail server such as "
        "postfix, or a forwarder such as msmtp-mta"
    )


def trusted(path: str) -> str:
    """Return the path of a program that nobody but root can change; raises `AgentError`."""
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise AgentError(f"{path} is no executable file on this machine")
    require_safe(path)
    return path


def _outcome(hook: HookSpec, ended: Ended) -> str:
    said = lines(ended.stderr) or lines(ended.stdout)
    if hook.kind is HookKind.WEBHOOK and said:
        return said[-1]  # Our own program's sentence.
    return f"exit code {ended.code}{last_words(ended)}"


def _today() -> datetime:
    return datetime.fromtimestamp(clock.wall(), UTC)
