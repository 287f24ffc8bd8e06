"""`hooks` from a daemon's status, and `hooks --try` with a real program."""

import json
from pathlib import Path

import pytest
from cli_daemon import Daemon, Run

from twinbeat.control.shapes import HookShape

pytest_plugins = ["cli_fixtures"]

CLUSTER = """\
[cluster]
nodes = ["node1", "node2"]
[[link]]
kind = "broadcast"
interface = "eth1"
[[group]]
name = "web"
[[group.resource]]
agent = "ip"
address = "192.0.2.77"
[[hook]]
run = "{here}/page --loud"
on = ["failed", "held"]
[[hook]]
mail = "root@example.com"
"""
PAGE = """#!/bin/sh
[ "$TWINBEAT_STATE" = unclean ] && { echo "no \033[2Jmodem" >&2; exit 4; }
echo "$1 $TWINBEAT_GROUP $TWINBEAT_STATE $TWINBEAT_REASON"
cat > $(dirname $0)/document
"""
FINE: HookShape = {
    "kind": "mail",
    "target": "root@example.com",
    "delivered": 12,
    "failed": 0,
    "left_out": 0,
    "given_up": 0,
    "waiting": 0,
    "groups": {},
}
TROUBLED: HookShape = {
    "kind": "webhook",
    "target": "https://pager.example.com/",
    "delivered": 3,
    "failed": 7,
    "left_out": 1,
    "given_up": 2,
    "waiting": 4,
    "groups": {
        "web": {
            "state": "held",
            "waiting": 3,
            "attempt": 7,
            "under_way": False,
            "next_ms": 60000.0,
            "why": "the answer is 503 Service Unavailable",
        },
        "mail": {
            "state": "stopped",
            "waiting": 1,
            "attempt": 1,
            "under_way": True,
            "next_ms": None,
            "why": "",
        },
    },
}


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    (tmp_path / "authkeys").write_text("auth 1\n1 sha1 a-very-secret-key\n")
    (tmp_path / "authkeys").chmod(0o600)
    page = tmp_path / "page"
    page.write_text(PAGE)
    page.chmod(0o755)
    file = tmp_path / "cluster.toml"
    file.write_text(CLUSTER.format(here=tmp_path))
    return file


def test_every_hook_is_shown_with_what_waits_and_why(run: Run, daemon: Daemon) -> None:
    daemon.status["hooks"] = {"root@example.com": FINE, "pager": TROUBLED}
    assert run("hooks") == (
        0,
        "root@example.com: mail root@example.com\n"
        "    12 delivered\n"
        "pager: webhook https://pager.example.com/\n"
        "    3 delivered, 7 attempts failed, 3 left out for newer ones, 4 waiting\n"
        "    web: held and 2 more: attempt 8 in 1 min; the last attempt failed: the answer is 503 "
        "Service Unavailable\n"
        "    mail: stopped: attempt 1 is under way\n",
        "",
    )
    code, out, _ = run("hooks", "pager", "--json")
    assert (code, json.loads(out)) == (0, {"schema": 1, "hooks": {"pager": TROUBLED}})
    code, _, err = run("hooks", "page")
    assert code == 2
    assert "there are: root@example.com, pager." in err
    assert "HOOKS  pager 4 waiting: twinbeat hooks\n" in run("status")[1]


def test_without_hooks_it_is_said_how_to_have_one(run: Run, daemon: Daemon) -> None:
    code, out, _ = run("hooks")
    assert code == 0
    assert out.startswith("no hook is configured")
    assert "HOOKS" not in run("status")[1]


def test_a_hook_is_told_by_hand_that_nothing_has_happened(run: Run, cluster: Path) -> None:
    code, out, _ = run("hooks", "page", "--try", "--config", str(cluster))
    assert code == 0
    said, verdict = out.splitlines()
    assert said == ("hook page: --loud web held this is a trial by hand, nothing has happened")
    assert verdict.startswith("-- taken after ")
    document = json.loads((cluster.parent / "document").read_text())
    assert document["entry"]["evidence"] == {"trial": True}


def test_a_hook_that_does_not_take_it_is_1_with_its_last_words(run: Run, cluster: Path) -> None:
    words = ("hooks", "page", "--try", "--state", "unclean", "--group", "web")
    code, out, _ = run(*words, "--config", str(cluster))
    assert code == 1
    assert "exit code 4; it said: no \\x1b[2Jmodem" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Which hook? There are: page, root@example.com."),
        (("pagr",), "did you mean `page`?"),
        (("page", "--state", "hold"), "did you mean `held`?"),
        (("page", "--group", "db"), "No group is called db; there are: web."),
    ],
)
def test_what_is_not_configured_is_refused(
    run: Run, cluster: Path, words: tuple[str, ...], said: str
) -> None:
    code, _, err = run("hooks", *words, "--try", "--config", str(cluster))
    assert code == 2
    assert said in err


def test_check_shows_the_hooks_and_what_cannot_work(run: Run, cluster: Path) -> None:
    (cluster.parent / "page").chmod(0o777)
    code, out, _ = run("check", str(cluster))
    assert code == 0
    assert f"Hooks     page: run {cluster.parent}/page --loud; all groups; held, failed\n" in out
    assert "warning: the hook `page` cannot work on this machine: " in out
    assert "its group or others may write it" in out
    code, out, _ = run("check", "--json", str(cluster))
    assert [hook["name"] for hook in json.loads(out)["cluster"]["hooks"]] == [
        "page",
        "root@example.com",
    ]
