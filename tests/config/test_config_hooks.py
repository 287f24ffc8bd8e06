"""Who is told of what: every key of a hook, and whole diagnostics to the character."""

from collections.abc import Callable
from dataclasses import replace
from textwrap import dedent

import pytest
from config_files import HA_CF, errors, toml, trio, warnings

from twinbeat.config import Loaded, Machine, Sources, load, to_toml
from twinbeat.core.hook import TOLD, HookKind, HookSpec, State
from twinbeat.core.units import SECOND, Duration, GroupName

QUIET = HA_CF.replace("bcast eth1", "bcast eth0 eth1")
CLUSTER = """\
[cluster]
nodes = ["node1", "node2"]
[[link]]
kind = "broadcast"
interface = "eth0"
[[link]]
kind = "broadcast"
interface = "eth1"
[[group]]
name = "website"
[[group.resource]]
agent = "ip"
address = "192.168.0.140/24"
"""


def hooked(text: str) -> Loaded:
    return load(toml(f"[[hook]]\n{text}\n{CLUSTER}"))


def hooks(text: str) -> tuple[HookSpec, ...]:
    loaded = hooked(text)
    assert loaded.model is not None, loaded.diagnostics
    return loaded.model.hooks


def said(text: str) -> str:
    return "".join(f"{each}\n" for each in hooked(text).diagnostics)


def test_one_key_is_enough_and_names_the_hook() -> None:
    (run,) = hooks('run = "/usr/local/sbin/page --to admin"')
    assert run == HookSpec(name="page", kind=HookKind.RUN, target="/usr/local/sbin/page --to admin")
    assert (run.on, run.timeout, run.retries) == (TOLD, 30 * SECOND, 5)
    (mail,) = hooks('mail = "root@example.com"')
    assert (mail.name, mail.kind, mail.target) == (
        "root@example.com",
        HookKind.MAIL,
        "root@example.com",
    )
    (webhook,) = hooks('webhook = "https://pager.example.com:8443/v1?team=ops"')
    assert (webhook.name, webhook.kind) == ("pager.example.com", HookKind.WEBHOOK)
    (secret,) = hooks('webhook = "/etc/ha.d/chat.url"')
    assert (secret.name, secret.target) == ("chat.url", "/etc/ha.d/chat.url")


def test_every_key_is_read() -> None:
    (hook,) = hooks("""
        name = "chat"
        webhook = "https://example.com/hook"
        groups = ["website"]
        on = ["failed", "held"]
        timeout = "5s"
        retries = 3
        secret = "/etc/ha.d/chat.secret"
        headers = "/etc/ha.d/chat.headers"
        ca = "/etc/ha.d/chat.pem"
    """)
    assert hook == HookSpec(
        name="chat",
        kind=HookKind.WEBHOOK,
        target="https://example.com/hook",
        groups=(GroupName("website"),),
        on=(State.HELD, State.FAILED),
        timeout=Duration(5 * SECOND),
        retries=3,
        secret="/etc/ha.d/chat.secret",
        headers="/etc/ha.d/chat.headers",
        ca="/etc/ha.d/chat.pem",
    )


def test_several_addresses_are_one_letter() -> None:
    (hook,) = hooks('mail = "root, ops@example.com"')
    assert hook.target == "root, ops@example.com"
    (hook,) = hooks('mail = ["root", "ops@example.com"]')
    assert hook.target == "root, ops@example.com"


def test_all_means_every_state() -> None:
    (hook,) = hooks('run = "/bin/page"\non = "all"')
    assert hook.on == tuple(State)


def test_a_hook_may_stand_beside_ha_cf() -> None:
    beside = '[[hook]]\nmail = "root"\ngroups = "192.168.0.140"\n'
    loaded = load(trio(QUIET, cluster_toml=beside))
    assert loaded.model is not None
    assert [hook.name for hook in loaded.model.hooks] == ["root"]


def test_hooks_survive_being_written_and_read_and_change_no_digest() -> None:
    text = (
        'run = "/bin/page \'a b\'"\non = "all"\n[[hook]]\nmail = ["a", "b"]\ngroups = "website"\n'
        '[[hook]]\nwebhook = "/etc/url"\nsecret = "/etc/s"\nheaders = "/etc/h"\nca = "/etc/c"\n'
        'timeout = "2m"\nretries = 0'
    )
    model = hooked(text).model
    assert model is not None
    again = load(toml(to_toml(model))).model
    assert again is not None
    assert again.hooks == model.hooks
    bare = load(toml(CLUSTER)).model
    assert bare is not None
    assert bare.digest == model.digest, "each node may have hooks of its own"


GOLDEN: list[tuple[Callable[[], str], str]] = [
    (
        lambda: said('on = ["held"]'),
        """\
        cluster.toml:1:1: error: a hook is one program, one letter or one webhook
            hint: write one of `run = "/path/of/program"`, `mail = "root@example.com"` and \
`webhook = "https://example.com/..."`
        """,
    ),
    (
        lambda: said('run = "page me"'),
        """\
        cluster.toml:2:1: error: `page me` does not begin with a full path
            hint: no shell reads it: `/bin/sh -c '...'` asks for one
        """,
    ),
    (
        lambda: said('run = "/bin/page \'me"'),
        """\
        cluster.toml:2:1: error: `/bin/page 'me` is no command: a quote is not closed, or it is \
empty
        """,
    ),
    (
        lambda: said('mail = "root@example.com -X/etc/passwd"'),
        """\
        cluster.toml:2:1: error: `-X/etc/passwd` is no mail address
            hint: for example "root@example.com"
        """,
    ),
    (
        lambda: said('webhook = "ftp://SpecSecret"'),
        """\
        cluster.toml:2:1: error: this is no URL
            hint: "https://host/path", or the full path of a file that holds one
        """,
    ),
    (
        lambda: said('webhook = "https://me:SpecSecret@example.com/"'),
        """\
        cluster.toml:2:1: error: this URL holds a name or a password
            hint: put `Authorization: ...` into a file that only root can read, and name it with \
`headers`
        """,
    ),
    (
        lambda: said('webhook = "https://example.com"\nsecret = "SpecSecret"'),
        """\
        cluster.toml:3:1: error: secret is the full path of a file
            hint: what is secret stands in a file of its own that only root can read
        """,
    ),
    (
        lambda: said("mail = []"),
        """\
        cluster.toml:2:1: error: mail names one to 10 addresses
        """,
    ),
    (
        lambda: said('run = ["/bin/a", "/bin/b"]'),
        """\
        cluster.toml:2:1: error: run is one string
        """,
    ),
    (
        lambda: said('run = ""'),
        """\
        cluster.toml:2:1: error: run must be some readable text, not ``
        """,
    ),
    (
        lambda: said('mail = "root"\nsecret = "/etc/secret"'),
        """\
        cluster.toml:3:1: error: secret belongs to a webhook
        """,
    ),
    (
        lambda: said('mail = "root"\non = ["held", "faild"]'),
        """\
        cluster.toml:3:1: error: a group never becomes `faild`
            hint: did you mean `failed`?
        """,
    ),
    (
        lambda: said('mail = "root"\non = []'),
        """\
        cluster.toml:3:1: error: on is empty: this hook would never be told anything
        """,
    ),
    (
        lambda: said('mail = "root"\ngroups = "webstie"'),
        """\
        cluster.toml:2:1: error: the hook `root` names the group `webstie`, and there is no such \
group
            It would never be told anything.
            hint: did you mean `website`?
        """,
    ),
    (
        lambda: said('mail = "root"\n[[hook]]\nmail = "root"\non = "failed"'),
        """\
        cluster.toml:4:1: error: two hooks are called `root`: the other is at cluster.toml:2:1
            What is told of one could not be told from the other.
            hint: give one of them a name of its own: `name = "..."`
        """,
    ),
    (
        lambda: said('mail = "root"\ntimeout = "500ms"'),
        """\
        cluster.toml:3:1: error: timeout is between 1s and 10m
        """,
    ),
    (
        lambda: said('webhook = "http://example.com/"\nheaders = "/etc/headers"'),
        """\
        cluster.toml:2:1: warning: the headers of this hook travel readable for everybody on the way
            Whoever sees them can use what they prove.
            hint: an https:// URL
        """,
    ),
]


@pytest.mark.parametrize(("render", "text"), GOLDEN)
def test_a_diagnostic_reads_as_written_here(render: Callable[[], str], text: str) -> None:
    assert render() == dedent(text)


@pytest.mark.parametrize(
    "url",
    ["https://h", "http://127.0.0.1:8080/", "https://[fd00::1]:8443/x?y=1#z", "https://h?x"],
)
def test_these_are_urls(url: str) -> None:
    assert errors(hooked(f'webhook = "{url}"')) == []


@pytest.mark.parametrize(
    "url", ["https://", "https:/h", "h/x", "https://h:port", "https://h x", "https://h/ä"]
)
def test_these_are_none(url: str) -> None:
    assert errors(hooked(f'webhook = "{url}"')) == ["cluster.toml:2:1 this is no URL"]


def test_more_hooks_than_anybody_needs_are_an_error() -> None:
    text = "[[hook]]\n".join(f'run = "/bin/p"\nname = "h{number}"\n' for number in range(17))
    assert errors(hooked(text)) == ["cluster.toml:50:1 more than 16 hooks"]


def on_a_machine(text: str, machine: Machine) -> list[str]:
    sources: Sources = toml(f"[[hook]]\n{text}\n{CLUSTER}")
    loaded = load(replace(sources, machine=machine))
    assert loaded.model is not None, "a hook that cannot work does not hold up a cluster"
    return warnings(loaded)


def test_what_cannot_work_on_this_machine_is_a_warning_with_the_reason() -> None:
    machine = Machine(
        lambda user: True,
        lambda path: True,
        refuses_program=lambda path: f"{path} is gone",
        refuses_secret=lambda path: f"{path} is open" if path != "/etc/fine" else "",
        refuses_mail=lambda: "no sendmail",
    )
    cannot = "cannot work on this machine:"
    assert on_a_machine('run = "/bin/page -x"', machine) == [
        f"cluster.toml:2:1 the hook `page` {cannot} /bin/page is gone"
    ]
    assert on_a_machine('mail = "root"', machine) == [
        f"cluster.toml:2:1 the hook `root` {cannot} no sendmail"
    ]
    webhook = 'webhook = "/etc/url"\nsecret = "/etc/fine"\nheaders = "/etc/headers"'
    assert on_a_machine(webhook, machine) == [
        f"cluster.toml:2:1 the hook `url` {cannot} /etc/url is open",
        f"cluster.toml:2:1 the hook `url` {cannot} /etc/headers is open",
    ]
    assert on_a_machine('webhook = "https://h"\nsecret = "/etc/fine"', machine) == []
