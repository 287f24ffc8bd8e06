"""Meta-data: of every agent that Debian ships, and of agents that mean no good."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinbeat.agents.metadata import MetadataError, parse
from twinbeat.core.units import MS, seconds

PACKAGE = Path("/usr/lib/ocf/resource.d/heartbeat")

FULL = """<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="db" version="2.1">
<shortdesc lang="de">Kurz</shortdesc><shortdesc lang="en">Short</shortdesc>
<longdesc lang="en">
First line.
	Tab &amp; second.
</longdesc>
<parameters>
<parameter name="home" unique="1" required="1">
<longdesc>Where.</longdesc><shortdesc>home</shortdesc><content type="string" default="/srv"/>
</parameter>
<parameter name="quick"><content type="boolean"/></parameter>
<parameter><content type="string"/></parameter>
</parameters>
<actions>
<action name="start" timeout="2m"/><action name="monitor" timeout="20" interval="10s" depth="0"/>
<action name="monitor" timeout="30s" interval="10s" depth="10" role="Promoted"/>
<action name="stop" timeout="1500ms"/><action name="promote" timeout="soon"/>
</actions></resource-agent>"""


def test_everything_that_an_agent_says_is_understood() -> None:
    said = parse(FULL)
    assert (said.name, said.version, said.short) == ("db", "2.1", "Short")
    assert said.long.splitlines() == ["First line.", "        Tab & second."]
    home, quick = said.parameters
    assert (home.required, home.unique, home.kind, home.default) == (True, True, "string", "/srv")
    assert (quick.required, quick.kind, quick.default) == (False, "boolean", None)
    assert said.timeout("start") == seconds(120)
    assert said.timeout("stop") == 1500 * MS
    assert [said.timeout("monitor", depth) for depth in (0, 10, 20)] == [
        seconds(20), seconds(30), seconds(20),
    ]  # fmt: skip
    assert said.timeout("promote") is None
    assert said.timeout("reload") is None


BOMB = """<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<resource-agent name="&b;"/>"""
FILE = """<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/shadow">]>
<resource-agent><longdesc>&a;</longdesc></resource-agent>"""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it says nothing"),
        ("usage: agent start|stop", "it is no XML"),
        ("<resource-agent>", "it is no XML"),
        ("<html/>", "not resource-agent"),
        (BOMB, "it declares entities"),
        (FILE, "it declares entities"),
        ("<resource-agent>" + "<a>" * 50, "nest too deeply"),
        ("<resource-agent>" + " " * 65536 + "</resource-agent>", "longer than 65536"),
    ],
)
def test_what_is_no_metadata_is_refused(text: str, why: str) -> None:
    with pytest.raises(MetadataError, match=why):
        parse(text)


def test_what_would_drive_a_terminal_is_written_out() -> None:
    said = parse('<resource-agent name="a"><shortdesc>&#155;2J x</shortdesc></resource-agent>')
    assert said.short == "\\x9b2J x"


def test_too_much_is_left_out() -> None:
    many = '<parameter name="p"/>' * 500
    said = parse(f"<resource-agent><parameters>{many}</parameters></resource-agent>")
    assert len(said.parameters) == 200


PIECES = st.sampled_from(
    ["<resource-agent>", "</resource-agent>", "<parameters>", "</parameters>", "<action name='a'",
     " timeout='1s'/>", "<parameter", " name='p'>", "</parameter>", "<!DOCTYPE a [", "]>", "&amp;",
     "<!ENTITY a 'b'>", "&a;", "<content type='integer' default='", "'/>", "\x00", "]]>",
     "<![CDATA["]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=8), max_size=20).map("".join))
def test_whatever_an_agent_prints_is_a_description_or_refused(text: str) -> None:
    try:
        said = parse(text)
    except MetadataError:
        return
    assert all(parameter.name for parameter in said.parameters)
    assert all(action.name for action in said.actions)


SAMPLE = ("Dummy", "Filesystem", "IPaddr2", "apache", "nginx", "pgsql", "Raid1", "VirtualDomain")


@pytest.mark.parametrize("name", SAMPLE)
def test_what_debian_ships_describes_itself(name: str) -> None:
    path = PACKAGE / name
    environment = {"OCF_ROOT": "/usr/lib/ocf", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    call = subprocess.run(
        [path, "meta-data"], env=environment, capture_output=True, text=True, check=True
    )
    said = parse(call.stdout)
    assert said.name == name
    assert said.short
    assert said.timeout("start")
    assert said.timeout("monitor")
