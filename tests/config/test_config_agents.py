"""Resources of a cluster.toml that agents with names of their own start and stop."""

import pytest
from config_files import errors, toml, trio, warnings

from twinbeat.config import load, to_toml
from twinbeat.config.wrappers import translate
from twinbeat.core.exclusive import unproven, what_is_exclusive
from twinbeat.core.model import AgentKind, Proof, ResourceSpec
from twinbeat.core.units import seconds

HEAD = """\
[cluster]
nodes = ["node1", "node2"]
[[link]]
kind = "broadcast"
interface = "eth1"
[[group]]
name = "web"
"""
OCF = """\
[[group.resource]]
agent = "ocf"
name = "ocf:heartbeat:Filesystem"
id = "data"
stop_timeout = "2m"
monitor = "20s"
depth = 20
[group.resource.parameters]
device = "/dev/sdb1"
directory = "/srv"
options = ""
fast_stop = false
spare = 7
[[group.resource]]
agent = "systemd"
name = "nginx"
[[group.resource]]
agent = "python"
name = "acme-lamp"
parameters = { colour = "red" }
"""


def resources(text: str) -> tuple[ResourceSpec, ...]:
    loaded = load(toml(text))
    assert errors(loaded) == []
    assert loaded.model is not None
    again = load(toml(to_toml(loaded.model)))
    assert again.model == loaded.model
    return loaded.model.groups[0].resources


def test_each_kind_is_read_and_written_so() -> None:
    files, web, lamp = resources(HEAD + OCF)
    assert files == ResourceSpec(
        name="data",
        agent=AgentKind.OCF,
        script="heartbeat:Filesystem",
        parameters=(
            ("device", "/dev/sdb1"),
            ("directory", "/srv"),
            ("options", ""),
            ("fast_stop", "false"),
            ("spare", "7"),
        ),
        stop_timeout=seconds(120),
        monitor=seconds(20),
        depth=20,
    )
    assert web == ResourceSpec(name="nginx", agent=AgentKind.SYSTEMD, script="nginx.service")
    assert lamp == ResourceSpec(
        name="acme-lamp",
        agent=AgentKind.PYTHON,
        script="acme-lamp",
        parameters=(("colour", "red"),),
    )


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (('"ocf:heartbeat:Filesystem"', '"Filesystem"'), "10:1 `Filesystem` is no OCF agent"),
        (('"ocf:heartbeat:Filesystem"', '"a:b:c"'), "10:1 `a:b:c` is no OCF agent"),
        (('"ocf:heartbeat:Filesystem"', '"../x:y"'), "10:1 `../x:y` is no OCF agent"),
        (("depth = 20", "depth = -1"), "14:1 depth must be a number from 0 to 1000"),
        (('"/srv"', "[1]"), "17:1 directory must be a readable string, a number, true or false"),
        (('"/srv"', '"a\\nb"'), "17:1 directory must be a readable string"),
        (("directory =", '"a b" ='), "17:1 no parameter can be called `a b`"),
        (('name = "nginx"', 'name = "a b"'), "23:1 no unit of systemd can be called `a b`"),
        (('name = "nginx"', 'name = "x"\nparameters = {}'), "24:1 there is no `parameters` here"),
        (('"acme-lamp"', '"a/b"'), "26:1 no entry point can be called `a/b`"),
        (('"nginx"', '"nginx"\nid = "data"'), "21:1 two resources are called `data`"),
    ],
)
def test_what_is_refused(change: tuple[str, str], found: str) -> None:
    assert change[0] in OCF
    loaded = load(toml(HEAD + OCF.replace(*change)))
    assert any(text.startswith(f"cluster.toml:{found}") for text in errors(loaded)), errors(loaded)


def test_the_provider_that_is_meant_is_named() -> None:
    loaded = load(toml(HEAD + OCF.replace("ocf:heartbeat:", "")))
    assert loaded.diagnostics[0].hint == "did you mean `heartbeat:Filesystem`?"


def test_an_address_of_ocf_is_said_to_have_no_lease() -> None:
    address = (
        '[[group.resource]]\nagent = "ocf"\nname = "heartbeat:IPaddr2"\n'
        '[group.resource.parameters]\nip = "10.0.0.1"\n'
    )
    told = warnings(load(toml(HEAD + address)), line=8)
    assert told == ["cluster.toml:8:1 `heartbeat:IPaddr2` moves an address without a lease"]


# Heartbeat's names.


@pytest.mark.parametrize(
    ("word", "script", "parameters"),
    [
        (
            "Filesystem::/dev/sdb1::/srv::ext4::noatime",
            "heartbeat:Filesystem",
            {"device": "/dev/sdb1", "directory": "/srv", "fstype": "ext4", "options": "noatime"},
        ),
        ("LVM::vg0", "heartbeat:LVM", {"volgrpname": "vg0"}),
        ("Raid1::/etc/md::md0", "heartbeat:Raid1", {"raidconf": "/etc/md", "raiddev": "md0"}),
        ("SendArp::10.0.0.1/eth0", "heartbeat:SendArp", {"ip": "10.0.0.1", "nic": "eth0"}),
        ("MailTo::a@b.c::moved", "heartbeat:MailTo", {"email": "a@b.c", "subject": "moved"}),
        ("Delay", "heartbeat:Delay", {"startdelay": "10", "mondelay": "0"}),
        ("Delay::3::4", "heartbeat:Delay", {"startdelay": "3", "mondelay": "0", "stopdelay": "4"}),
        ("WAS::8880", "heartbeat:WAS", {"port": "8880"}),
        ("WAS::/opt/was.xml", "heartbeat:WAS", {"config": "/opt/was.xml"}),
        ("WinPopup", "heartbeat:WinPopup", {"hostfile": "hosts"}),
        ("AudibleAlarm::node1::node2", "heartbeat:AudibleAlarm", {"nodelist": "node1 node2"}),
        ("portblock::tcp::80::block", "heartbeat:portblock",
         {"protocol": "tcp", "portno": "80", "action": "block"}),
        ("apache", "heartbeat:apache", {}),
        ("ids", "heartbeat:ids", {}),
    ],
)  # fmt: skip
def test_a_wrapper_of_heartbeat_is_the_agent_that_it_calls(
    word: str, script: str, parameters: dict[str, str]
) -> None:
    loaded = load(trio(haresources=f"node1 10.0.0.9 {word}\n"))
    assert loaded.model is not None
    resource = loaded.model.groups[0].resources[1]
    assert resource.agent is AgentKind.SCRIPT
    called = translate(resource)
    assert called is not None
    assert (called.agent, called.script, called.name) == (AgentKind.OCF, script, word)
    assert dict(called.parameters) == parameters


def test_other_names_and_addresses_are_nobodys_wrapper() -> None:
    loaded = load(trio(haresources="node1 10.0.0.9 IPaddr2::10.0.0.8 httpd drbddisk::r0\n"))
    assert loaded.model is not None
    assert [translate(each) for each in loaded.model.groups[0].resources] == [None] * 4


@pytest.mark.parametrize("word", ["Filesystem::/dev/sdb1", "LVM", "MailTo::a@b::c::d", "Raid1::a"])
def test_words_that_a_wrapper_cannot_take_are_warned_of(word: str) -> None:
    loaded = load(trio(haresources=f"node1 10.0.0.9 {word}\n"))
    assert any("arguments; the form is" in text for text in warnings(loaded, line=1))
    assert loaded.model is not None
    assert translate(loaded.model.groups[0].resources[1]) is None


# What a lease cannot prove.


@pytest.mark.parametrize(
    ("agent", "script", "what"),
    [
        (AgentKind.SCRIPT, "Filesystem", "a file system"),
        (AgentKind.OCF, "heartbeat:Filesystem", "a file system"),
        (AgentKind.SYSTEMD, "srv-data.mount", "a file system"),
        (AgentKind.OCF, "linbit:drbd", "a DRBD device"),
        (AgentKind.SCRIPT, "drbddisk", "a DRBD device"),
        (AgentKind.OCF, "heartbeat:LVM-activate", "volumes of a shared disk"),
        (AgentKind.SCRIPT, "Raid1", "a disk array"),
        (AgentKind.LSB, "postgresql", "a database"),
        (AgentKind.SYSTEMD, "postgresql@15-main.service", "a database"),
        (AgentKind.SYSTEMD, "mariadb.service", "a database"),
        (AgentKind.SCRIPT, "mysqld3306", "a database"),
        (AgentKind.SCRIPT, "httpd", None),
        (AgentKind.SYSTEMD, "nginx.service", None),
        (AgentKind.IP, "", None),
    ],
)
def test_what_two_nodes_would_damage(agent: AgentKind, script: str, what: str | None) -> None:
    assert what_is_exclusive(ResourceSpec(name="x", agent=agent, script=script)) == what


def test_only_fencing_proves_that_another_node_let_go() -> None:
    disk = ResourceSpec(name="data", agent=AgentKind.OCF, script="heartbeat:Filesystem")
    web = ResourceSpec(name="web", agent=AgentKind.LSB, script="nginx")
    assert unproven([web], Proof.PEER) is None
    assert unproven([web, disk], Proof.FENCE) is None
    for proof in (Proof.PEER, Proof.ARBITER):
        assert (unproven([web, disk], proof) or "").startswith("data is a file system: when the")
