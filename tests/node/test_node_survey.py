"""What runs for a resource on this machine, and what is said to be missing."""

import asyncio
import dataclasses
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from twinbeat.agents.base import Found
from twinbeat.agents.ocf import OcfAgent
from twinbeat.agents.script import ScriptAgent
from twinbeat.config import Placed, Source, judge
from twinbeat.config.diagnostics import Mark, Report
from twinbeat.config.haresources import read_haresources
from twinbeat.config.wrappers import WRAPPERS
from twinbeat.core.description import Finding
from twinbeat.core.model import AgentKind, ClusterModel, ResourceSpec, Timing
from twinbeat.core.units import Duration, NodeName, seconds
from twinbeat.node.agency import Agency
from twinbeat.node.survey import Surveyor

TIME = Duration(1_000_000_000)
MODEL = ClusterModel(
    name="c",
    nodes=(NodeName("a"), NodeName("b")),
    timing=Timing(keepalive=TIME, warntime=TIME, deadtime=TIME, initdead=TIME, deadping=TIME),
    links=(),
    groups=(),
)
METADATA = """<resource-agent name="LVM"><shortdesc>Volumes</shortdesc><parameters>
<parameter name="volgrpname" required="1"><content type="string"/></parameter>
<parameter name="exclusive"><content type="boolean"/></parameter>
<parameter name="copies"><content type="integer"/></parameter>
</parameters><actions><action name="start" timeout="20s"/></actions></resource-agent>"""
AGENT = f"""#!/bin/sh
case $1 in meta-data) echo '{METADATA}' ;; validate-all) echo no such group >&2; exit 5 ;; esac
"""
WRAPPER = "#!/bin/sh\n. /etc/ha.d/resource.d/hto-mapfuncs\nra_execocf $2\n"
OWN = "#!/bin/sh\necho running\n"


class Machine:
    """A resource.d, an init.d and an OCF tree of a test's own."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "ocf"
        self.provider = self.root / "resource.d" / "heartbeat"
        self.resource_d, self.init_d = directory / "resource.d", directory / "init.d"
        for made in (self.provider, self.resource_d, self.init_d):
            made.mkdir(parents=True, mode=0o755)
        dirs = (str(self.resource_d), str(self.init_d))
        model = dataclasses.replace(MODEL, script_dirs=dirs)
        self.agency = Agency(
            model, NodeName("a"), directory, None, lambda *_: None, ocf_root=str(self.root)
        )

    def put(self, directory: Path, name: str, text: str) -> Path:
        path = directory / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def look(self, spec: ResourceSpec) -> Finding:
        return asyncio.run(Surveyor(self.agency).look(spec))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def resource(word: str) -> ResourceSpec:
    groups = read_haresources(Source("haresources", f"a {word}\n"), Report())
    return groups[0].resources[0].value


def said(spec: ResourceSpec, finding: Finding) -> list[str]:
    placed = Placed("web", spec, Mark("f", 3, 1), {"copies": Mark("f", 9, 1)})
    return [f"{d.line}:{d.severity}: {d.message}" for d in judge([(placed, finding)])]


# Heartbeat's names.


def test_a_wrapped_name_is_the_agent_when_nothing_else_is_there(machine: Machine) -> None:
    agent = machine.put(machine.provider, "LVM", AGENT)
    finding = machine.look(resource("LVM::vg0"))
    assert (finding.spec.agent, finding.runs) == (AgentKind.OCF, str(agent))
    assert finding.spec.parameters == (("volgrpname", "vg0"),)
    assert isinstance(machine.agency.agent(resource("LVM::vg0")), OcfAgent)


def test_heartbeats_wrapper_is_its_agent_and_an_init_script_does_not_count(
    machine: Machine,
) -> None:
    agent = machine.put(machine.provider, "LVM", AGENT)
    machine.put(machine.resource_d, "LVM", WRAPPER)
    machine.put(machine.init_d, "LVM", OWN)
    assert machine.look(resource("LVM::vg0")).runs == str(agent)


def test_a_script_of_the_administrators_own_wins(machine: Machine) -> None:
    machine.put(machine.provider, "LVM", AGENT)
    own = machine.put(machine.resource_d, "LVM", OWN)
    finding = machine.look(resource("LVM::vg0"))
    assert (finding.spec.agent, finding.runs) == (AgentKind.SCRIPT, str(own))
    agent = machine.agency.agent(resource("LVM::vg0"))
    assert isinstance(agent, ScriptAgent)
    assert asyncio.run(agent.monitor()).found is Found.RUNNING


def test_without_its_agent_a_wrapped_name_says_what_to_install(machine: Machine) -> None:
    finding = machine.look(resource("LVM::vg0"))
    assert finding.missing.startswith("there is no script LVM in ")
    assert finding.remedy == "apt-get install resource-agents"
    machine.put(machine.resource_d, "LVM", WRAPPER)
    finding = machine.look(resource("LVM::vg0"))
    assert finding.missing.endswith("LVM calls the OCF agent LVM, which is not here")
    assert finding.remedy == "apt-get install resource-agents"


def test_a_wrapped_name_keeps_the_time_that_heartbeat_gave_it(machine: Machine) -> None:
    """The agent advises 20 s; Heartbeat's wrapper had no limit, and 60 s is ours for scripts."""
    note = f'if [ $1 = start ]; then echo "$OCF_RESKEY_CRM_meta_timeout" >{machine.root}/time; fi\n'
    agent = AGENT + note
    machine.put(machine.provider, "LVM", agent)

    def given(spec: ResourceSpec) -> int:
        asyncio.run(machine.agency.agent(spec).start())
        return int((machine.root / "time").read_text())

    assert 59_000 < given(resource("LVM::vg0")) <= 60_000
    ocf = ResourceSpec(name="x", agent=AgentKind.OCF, script="heartbeat:LVM")
    assert 19_000 < given(ocf) <= 20_000
    assert 2_000 < given(dataclasses.replace(ocf, start_timeout=seconds(3))) <= 3_000


# Parameters.


def test_parameters_are_compared_with_what_the_agent_says_it_takes(machine: Machine) -> None:
    machine.put(machine.provider, "LVM", AGENT)
    spec = ResourceSpec(
        name="volumes",
        agent=AgentKind.OCF,
        script="heartbeat:LVM",
        parameters=(("exclusiv", "yes"), ("exclusive", "maybe"), ("copies", "2x")),
    )
    assert said(spec, machine.look(spec)) == [
        "3:error: `heartbeat:LVM` requires the parameter `volgrpname`",
        "3:error: `heartbeat:LVM` takes no parameter `exclusiv`",
        "3:error: `exclusive` is true or false, not `maybe`",
        "3:warning: the agent of `volumes` objects to its parameters: validate-all ended with code "
        "5: a program or a file that the agent needs is not installed here (OCF_ERR_INSTALLED); it "
        "said: no such group",
        "9:error: `copies` is a whole number, not `2x`",
    ]
    placed = Placed("web", spec, Mark("f", 3, 1), {})
    hints = [each.hint for each in judge([(placed, machine.look(spec))])]
    assert "did you mean `exclusive`?" in hints


def test_what_is_missing_is_an_error_with_its_remedy(machine: Machine) -> None:
    for spec, why, remedy in (
        (resource("drbddisk::r0"), "there is no script drbddisk", "apt-get install drbd-utils"),
        (resource("mysqld"), "there is no script mysqld", "Debian calls it mariadb: write mariadb"),
        (
            ResourceSpec(name="x", agent=AgentKind.OCF, script="linbit:drbd"),
            "there is no OCF agent",
            "apt-get install drbd-utils",
        ),
        (
            ResourceSpec(name="x", agent=AgentKind.PYTHON, script="acme"),
            "does not describe itself",
            "pip install",
        ),
        (resource("10.0.0.1/24/nonic7"), "there is no network interface nonic7", "those that are"),
    ):
        finding = machine.look(spec)
        assert why in finding.missing
        assert finding.remedy.startswith(remedy)
        assert said(spec, finding)[0].startswith(
            f"3:error: `{spec.name}` cannot start on this mach"
        )


def test_a_script_that_others_may_write_is_told_as_it_is(machine: Machine) -> None:
    machine.put(machine.resource_d, "mine", OWN).chmod(0o757)
    assert "its group or others may write it" in machine.look(resource("mine")).missing


def test_what_an_agent_needs_is_imported_with_the_configuration() -> None:
    program = """
import sys
from twinbeat.config import Source, Sources, load
from twinbeat.node.agency import prepared
text = "[cluster]\\nnodes = ['a']\\n[[group]]\\nname = 'g'\\n[[group.resource]]\\nname = 'x'\\n"
for agent in ("lsb", "systemd"):
    toml = Source("cluster.toml", text + f"agent = '{agent}'\\n")
    keys = Source("authkeys", "auth 1\\n1 sha1 0123456789abcdef\\n", 0o600)
    assert prepared(load(Sources(cluster_toml=toml, authkeys=keys))).model is not None
    print("dbus_fast" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]


# Every published file.

CORPUS = Path(os.environ.get("TWINBEAT_CORPUS") or Path(__file__).parents[3] / "shared" / "configs")


def published() -> Iterator[tuple[str, ResourceSpec]]:
    for file in sorted((CORPUS / "haresources").glob("*")):
        source = Source(file.name, file.read_text("utf-8"))
        for group in read_haresources(source, Report()):
            for each in group.resources:
                yield file.name, each.value


IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")


@pytest.mark.skipif(not CORPUS.exists() and not IN_CI, reason=f"no published files in {CORPUS}")
def test_each_resource_of_each_published_file_is_found_or_said_to_be_missing() -> None:
    agency = Agency(MODEL, NodeName("a"), Path("/etc/ha.d"), None, lambda *_: None)
    wanted = {spec: file for file, spec in published()}

    async def look() -> dict[ResourceSpec, Finding]:
        surveyor = Surveyor(agency)
        return {spec: await surveyor.look(spec) for spec in wanted}

    findings = asyncio.run(look())
    unsaid = [
        f"{wanted[spec]}: {spec.name}"
        for spec, finding in findings.items()
        if bool(finding.runs) == bool(finding.missing)
    ]
    assert unsaid == []
    # With resource-agents installed nothing that Heartbeat shipped is missing.
    shipped = {
        spec: finding
        for spec, finding in findings.items()
        if spec.script in WRAPPERS and spec.agent is AgentKind.SCRIPT
    }
    assert Counter(spec.script for spec in shipped).keys() >= {"Filesystem", "MailTo", "ldirectord"}
    for spec, finding in shipped.items():
        assert finding.runs == f"/usr/lib/ocf/resource.d/heartbeat/{spec.script}", spec.name
    without = [
        finding.missing for finding in findings.values() if not (finding.runs or finding.remedy)
    ]
    # Only what cannot exist at all is left without advice: names with a slash, left by a template.
    assert all("is no script's name" in missing for missing in without), without
