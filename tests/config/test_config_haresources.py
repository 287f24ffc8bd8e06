"""haresources: one small file of our own for every oddity of its grammar."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from config_files import errors, trio, warnings

from twinbeat.config import Loaded, load
from twinbeat.core.model import AddressSpec, AgentKind, GroupSpec, ResourceSpec

IP = IPv4Address("10.0.0.5")


def groups_of(text: str) -> tuple[GroupSpec, ...]:
    loaded = load(trio(haresources=text))
    assert errors(loaded) == []
    assert loaded.model is not None
    return loaded.model.groups


def resource_of(word: str) -> ResourceSpec:
    (group,) = groups_of(f"node1 {word}\n")
    (resource,) = group.resources
    return resource


def words_of(text: str) -> list[list[str]]:
    return [[group.preferred, *(r.name for r in group.resources)] for group in groups_of(text)]


def test_the_reference_experiment() -> None:
    (group,) = groups_of("node1 192.168.0.140 httpd\n")
    assert group.name == "192.168.0.140"
    assert group.nodes == ("node1", "node2")
    assert group.resources == (
        ResourceSpec(
            name="192.168.0.140",
            agent=AgentKind.IP,
            address=AddressSpec(ip=IPv4Address("192.168.0.140"), alias=True),
        ),
        ResourceSpec(name="httpd", agent=AgentKind.SCRIPT, script="httpd"),
    )


def test_the_preferred_node_comes_first_and_the_others_in_order() -> None:
    loaded = load(trio("node a b c\nbcast eth0\n", "C httpd\n"))
    assert loaded.model is not None
    assert loaded.model.groups[0].nodes == ("c", "a", "b")


def test_comments_are_cut_first_then_lines_are_joined() -> None:
    assert words_of("node1 a \\\n\tb \\\n   c # d\n# e \\\nnode2 f\n") == [
        ["node1", "a", "b", "c"],
        ["node2", "f"],
    ]


def test_a_joined_word_is_whole_again() -> None:
    assert words_of("node1 ht\\\ntpd x\n") == [["node1", "httpd", "x"]]


def test_a_backslash_at_the_end_of_the_file_joins_nothing() -> None:
    assert words_of("node1 httpd \\") == [["node1", "httpd"]]


def test_words_of_a_joined_line_know_their_own_line() -> None:
    loaded = load(trio(haresources="node1 a \\\n  b \\\n  ../c\n"))
    assert errors(loaded) == [
        "haresources:3:3 a script is named without a path, and `../c` has a slash"
    ]


def test_a_blank_after_the_backslash_is_pointed_out() -> None:
    assert errors(load(trio(haresources="node1 httpd \\ \n"))) == [
        "haresources:1:13 `\\` names no script"
    ]


def test_a_comment_after_the_backslash_does_not_continue_the_line() -> None:
    assert errors(load(trio(haresources="node1 httpd \\ # more\n")))[0].startswith(
        "haresources:1:13 "
    )


def test_a_node_without_resources_says_nothing() -> None:
    loaded = load(trio(haresources="node1\nnode2 httpd\n"))
    assert loaded.model is not None
    assert [group.name for group in loaded.model.groups] == ["httpd"]
    assert "haresources:1:1 `node1` has no resources" in warnings(loaded)


def test_a_line_must_begin_with_a_node() -> None:
    assert errors(load(trio(haresources="IPaddr2::10.0.0.5/24/eth0 httpd\n"))) == [
        "haresources:1:1 `ipaddr2::10.0.0.5/24/eth0` is not a node of this cluster"
    ]


def test_two_groups_cannot_have_one_name() -> None:
    assert errors(load(trio(haresources="node1 httpd\nnode2 httpd\n"))) == [
        "haresources:2:7 two groups are called `httpd`: the other is at haresources:1:7"
    ]


def test_one_address_cannot_be_in_two_places() -> None:
    assert errors(load(trio(haresources="node1 10.0.0.5 a\nnode2 IPaddr2::10.0.0.5/24\n"))) == [
        "haresources:2:7 the address 10.0.0.5 is configured twice: the other is at haresources:1:7"
    ]


@pytest.mark.parametrize(
    ("word", "address"),
    [
        ("10.0.0.5", AddressSpec(ip=IP, alias=True)),
        ("10.0.0.5/24/eth0", AddressSpec(ip=IP, prefix=24, interface="eth0", alias=True)),
        ("IPaddr::10.0.0.5", AddressSpec(ip=IP, alias=True)),
        ("IPaddr::10.0.0.5/32", AddressSpec(ip=IP, prefix=32, alias=True)),
        ("IPaddr::10.0.0.5/255.255.255.0", AddressSpec(ip=IP, prefix=24, alias=True)),
        ("IPaddr::10.0.0.5/0.0.0.0", AddressSpec(ip=IP, prefix=0, alias=True)),
        (
            "IPaddr::10.0.0.5/24/eth0:0",
            AddressSpec(ip=IP, prefix=24, interface="eth0", label="eth0:0"),
        ),
        (
            "IPaddr2::10.0.0.5/24/eth0:vip1",
            AddressSpec(ip=IP, prefix=24, interface="eth0", label="eth0:vip1"),
        ),
        ("IPaddr2::10.0.0.5/24/eth0", AddressSpec(ip=IP, prefix=24, interface="eth0")),
        (
            "10.0.0.5/24/10.0.0.255",
            AddressSpec(ip=IP, prefix=24, broadcast=IPv4Address("10.0.0.255"), alias=True),
        ),
        (
            "IPaddr2::10.0.0.5/24/eth0/10.0.0.255",
            AddressSpec(ip=IP, prefix=24, interface="eth0", broadcast=IPv4Address("10.0.0.255")),
        ),
        (
            "IPaddr::10.0.0.5//8/eth0:10",
            AddressSpec(ip=IP, prefix=8, interface="eth0", label="eth0:10"),
        ),
        ("IPaddr::10.0.0.5/24/eth0/", AddressSpec(ip=IP, prefix=24, interface="eth0", alias=True)),
        ("IPv6addr::fd00::5", AddressSpec(ip=IPv6Address("fd00::5"))),
        ("IPv6addr::::1/128", AddressSpec(ip=IPv6Address("::1"), prefix=128)),
        (
            "IPv6addr::fd00:0:0:0:0:0:0:5/64/eth0",
            AddressSpec(ip=IPv6Address("fd00::5"), prefix=64, interface="eth0"),
        ),
    ],
)
def test_addresses(word: str, address: AddressSpec) -> None:
    resource = resource_of(word)
    assert resource == ResourceSpec(name=word, agent=AgentKind.IP, address=address)


@pytest.mark.parametrize(
    "word",
    [
        "10.0.0.256",
        "010.0.0.5",
        "IPaddr::10.0.0.5/33",
        "IPaddr::10.0.0.5/255.0.255.0",
        "IPaddr::10.0.0.5/eth0",
        "IPaddr::10.0.0.5/24/10.0.0.999",
        "IPaddr::10.0.0.5/24/eth0/x",
        "IPaddr::10.0.0.5/24/eth0/10.0.0.255/y",
        "IPaddr::10.0.0.5/24/an-interface-too-long",
        "IPaddr::10.0.0.5/24/enp0s31f6:web-address",
        "IPaddr::10.0.0.5/24/:0",
        "IPaddr::10.0.0.5/24/eth0:",
        "IPaddr::10.0.0.5::24",
        "IPv6addr::fd00:0:0:0:0:0:0:zz",
        "IPv6addr::fd00:0:0:0:0:0:0:5/129",
        "IPv6addr::fe80:0:0:0:0:0:0:5%eth0",
    ],
)
def test_addresses_no_kernel_could_hold(word: str) -> None:
    (found,) = errors(load(trio(haresources=f"node1 {word}\n")))
    assert found.startswith("haresources:1:7 ")


@pytest.mark.parametrize(
    ("word", "script", "args"),
    [
        ("httpd", "httpd", ()),
        ("Filesystem::/dev/sdb1::/srv::ext4", "Filesystem", ("/dev/sdb1", "/srv", "ext4")),
        ("Filesystem::10.0.0.9:/web::/srv", "Filesystem", ("10.0.0.9:/web", "/srv")),
        ("MailTo::a+b@c.d,e@f.g::Subject", "MailTo", ("a+b@c.d,e@f.g", "Subject")),
        ("drbddisk::iscsi.blade.01", "drbddisk", ("iscsi.blade.01",)),
        ("IPsrcaddr::10.0.0.5", "IPsrcaddr", ("10.0.0.5",)),
        ("1.2.3.4x", "1.2.3.4x", ()),
    ],
)
def test_everything_else_is_a_script(word: str, script: str, args: tuple[str, ...]) -> None:
    assert resource_of(word) == ResourceSpec(
        name=word, agent=AgentKind.SCRIPT, script=script, args=args
    )


def test_empty_arguments_vanish_as_in_a_shell() -> None:
    assert resource_of("httpd::::x::").args == ("x",)
    assert resource_of("httpd::::x::").name == "httpd::x"


@pytest.mark.parametrize("word", ["../../tmp/x", "/etc/init.d/httpd", "::x", "..", "."])
def test_a_script_is_a_name_not_a_path(word: str) -> None:
    assert len(errors(load(trio(haresources=f"node1 {word}\n")))) == 1


def read(word: str) -> Loaded:
    loaded = load(trio(haresources=f"node1 {word} httpd\n"))
    assert errors(loaded) == []
    return loaded


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("IPaddr::$VIP", "names no address"),
        ("IPaddr", "names no address"),
        ("IPaddr2::../x", "names no address"),
        ("$vip/$prefix", "looks like a variable that nobody filled in"),
        ("${script}", "looks like a variable that nobody filled in"),
        ("IPAddr::10.0.0.5", "is not `IPaddr`: the case of letters matters"),
        ("mailTo::a@b", "is not `MailTo`: the case of letters matters"),
    ],
)
def test_what_can_never_start_is_read_as_heartbeat_reads_it_with_a_warning(
    word: str, says: str
) -> None:
    loaded = read(word)
    assert loaded.model is not None
    assert loaded.model.groups[0].resources[0].agent is AgentKind.SCRIPT
    assert any(says in text for text in warnings(loaded))
