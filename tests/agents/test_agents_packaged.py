"""Agents of Debian's resource-agents, called for real: what they need, do and leave."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ocf_bench import OcfBench, run

from twinbeat.agents.base import AgentError, Found

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts and addresses need root"),
]


@pytest.fixture
def bench(tmp_path: Path) -> OcfBench:
    return OcfBench(tmp_path)


def test_dummy_runs_where_its_state_file_is(bench: OcfBench, tmp_path: Path) -> None:
    agent = bench.agent("heartbeat:Dummy", state=str(tmp_path / "state"))
    before, _, up, _, after = run(
        agent.monitor(), agent.start(), agent.monitor(), agent.stop(), agent.monitor()
    )
    assert [o.found for o in (before, up, after)] == [Found.STOPPED, Found.RUNNING, Found.STOPPED]


def test_dummy_whose_state_file_cannot_be_written_does_not_start(bench: OcfBench) -> None:
    agent = bench.agent("heartbeat:Dummy", state="/proc/no/such/place")
    with pytest.raises(AgentError, match="did not start: start ended with code"):
        run(agent.start())


def test_delay_waits_and_a_monitor_without_time_is_killed(bench: OcfBench) -> None:
    agent = bench.agent("heartbeat:Delay", look=0.3, startdelay="0", stopdelay="0", mondelay="5")
    _, outcome = run(agent.start(), agent.monitor())
    assert outcome.found is Found.FAILED
    assert "monitor was killed after 0.3 s" in outcome.reason
    quick = bench.agent("heartbeat:Delay", startdelay="0", stopdelay="0", mondelay="0")
    up, _, after = run(quick.monitor(), quick.stop(), quick.monitor())
    assert (up.found, after.found) == (Found.RUNNING, Found.STOPPED)


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    point = tmp_path / "mnt"
    point.mkdir()
    yield point
    subprocess.run(["umount", "-l", point], check=False, capture_output=True)


def test_a_file_system_is_mounted_seen_filled_and_unmounted(bench: OcfBench, mount: Path) -> None:
    agent = bench.agent(
        "heartbeat:Filesystem",
        device="tmpfs",
        directory=str(mount),
        fstype="tmpfs",
        options="size=64k",
    )
    before, _, up = run(agent.monitor(), agent.start(), agent.monitor())
    assert os.path.ismount(mount)
    assert [o.found for o in (before, up)] == [Found.STOPPED, Found.RUNNING]
    with pytest.raises(OSError, match="No space left"):
        (mount / "full").write_bytes(b"x" * 100_000)
    shallow, deep = run(agent.monitor(), agent.monitor(20))
    assert shallow.found is Found.RUNNING
    assert deep.found is Found.FAILED, "a full disk is seen by a deep look"
    assert "a generic error" in deep.reason
    (mount / "full").unlink()
    deep, *_ = run(agent.monitor(20), agent.stop(), agent.stop())
    assert deep.found is Found.RUNNING
    assert not os.path.ismount(mount)


def test_a_file_system_in_use_does_not_stop_and_is_not_believed_to(
    bench: OcfBench, mount: Path
) -> None:
    agent = bench.agent(
        "heartbeat:Filesystem",
        stop=3,
        device="tmpfs",
        directory=str(mount),
        fstype="tmpfs",
        force_unmount="false",
    )
    run(agent.start())
    user = subprocess.Popen(["sleep", "60"], cwd=mount)
    try:
        with pytest.raises(AgentError, match=r"did not stop: stop .*it still runs"):
            run(agent.stop())
    finally:
        user.kill()
        user.wait()
    run(agent.stop())
    assert not os.path.ismount(mount)


def test_a_device_that_does_not_exist_is_told_in_the_agents_words(
    bench: OcfBench, mount: Path
) -> None:
    agent = bench.agent(
        "heartbeat:Filesystem", device="/dev/none", directory=str(mount), fstype="ext4"
    )
    with pytest.raises(AgentError, match=r"did not start: .*/dev/none"):
        run(agent.start())


def test_mail_is_sent_by_what_is_called_mail(bench: OcfBench, tmp_path: Path) -> None:
    box = tmp_path / "bin"
    box.mkdir()
    (box / "mail").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/sent\ncat >>{tmp_path}/sent\n')
    (box / "mail").chmod(0o755)
    path = {"PATH": f"{box}:/usr/sbin:/usr/bin:/sbin:/bin"}
    agent = bench.agent("heartbeat:MailTo", path, email="root@localhost", subject="web moved")
    run(agent.start(), agent.stop())
    sent = (tmp_path / "sent").read_text()
    assert "-s web moved Takeover" in sent.replace("  ", " ")
    assert "root@localhost" in sent


def test_without_a_mailer_the_missing_program_is_named(bench: OcfBench, tmp_path: Path) -> None:
    agent = bench.agent("heartbeat:MailTo", {"MAILCMD": "no-such-mailer"}, email="a@b")
    (why,) = run(agent.validate())
    assert why is not None
    assert "OCF_ERR_INSTALLED" in why
    assert "no-such-mailer" in why


def test_apache_that_is_not_installed_is_stopped_and_does_not_start(bench: OcfBench) -> None:
    agent = bench.agent("heartbeat:apache", httpd="/no-such-httpd", configfile="/no-such.conf")
    (outcome,) = run(agent.monitor())
    assert outcome.found is Found.STOPPED
    with pytest.raises(AgentError, match="OCF_ERR_INSTALLED"):
        run(agent.start())


CONFIGURATION = """
pid {here}/nginx.pid; error_log {here}/error.log; daemon on; worker_processes 1;
events {{ worker_connections 16; }}
http {{ access_log off; server {{ listen unix:{here}/socket; root {here}; }} }}
"""


def test_nginx_is_started_seen_and_stopped(bench: OcfBench, tmp_path: Path) -> None:
    file = tmp_path / "nginx.conf"
    file.write_text(CONFIGURATION.format(here=tmp_path))
    agent = bench.agent("heartbeat:nginx", configfile=str(file), httpd="/usr/sbin/nginx")
    try:
        before, _, up = run(agent.monitor(), agent.start(), agent.monitor())
        assert (before.found, up.found) == (Found.STOPPED, Found.RUNNING)
        assert int((tmp_path / "nginx.pid").read_text()) > 0
    finally:
        run(agent.stop())
    (after,) = run(agent.monitor())
    assert after.found is Found.STOPPED
    file.write_text("nonsense")
    with pytest.raises(AgentError, match="did not start"):
        run(agent.start())
