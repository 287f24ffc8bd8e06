"""respawn, failfast and env: what Heartbeat 3.0.6 said of each line when it was tried."""

import pytest
from config_files import HA_CF, errors, toml, trio, warnings, with_ha_cf

from twinbeat.config import Machine, load, to_toml
from twinbeat.core.model import RespawnSpec

QUIET = HA_CF.replace("bcast eth1", "bcast eth0 eth1")
TOML = """
[cluster]
nodes = ["node1"]
[[group]]
name = "web"
[[group.resource]]
agent = "ip"
address = "192.168.0.140/24"
[[respawn]]
user = "root"
command = "/usr/local/sbin/fan --limit \\"5, 6\\""
[env]
COLOUR = "dark green"
"""


def programs(lines: str) -> list[tuple[str, str]]:
    model = with_ha_cf(lines).model
    assert model is not None
    return [(spec.user, spec.command) for spec in model.respawn]


def test_the_rest_of_the_line_is_the_command_as_it_stands() -> None:
    assert programs('respawn root  /bin/sh -c "echo a,b;  exit" # why\nrespawn alice /bin/x\n') == [
        ("root", '/bin/sh -c "echo a,b;  exit"'),
        ("alice", "/bin/x"),
    ]


def test_failfast_is_started_and_said_to_restart_no_machine() -> None:
    assert programs("failfast root /bin/x\n") == [("root", "/bin/x")]
    assert warnings(with_ha_cf("failfast root /bin/x\n"), 7) == [
        "ha.cf:7:1 the end of this program does not restart the machine"
    ]


def test_ipfail_is_no_program_here_wherever_it_lies() -> None:
    assert programs("respawn hacluster /usr/lib/heartbeat/ipfail\n") == []


@pytest.mark.parametrize("line", ["respawn", "respawn root", "respawn root bin/x", "failfast root"])
def test_a_program_needs_a_user_and_a_full_path(line: str) -> None:
    (found,) = errors(with_ha_cf(f"{line}\n"))
    assert "needs a user and the full path of a command" in found


def on_a_machine(lines: str) -> tuple[list[str], list[str]]:
    sources = trio(QUIET + lines)
    machine = Machine({"root", "alice"}.__contains__, {"/bin/x"}.__contains__)
    loaded = load(type(sources)(sources.ha_cf, sources.haresources, sources.authkeys, None,
                                "/etc/ha.d", machine))  # fmt: skip
    return errors(loaded), warnings(loaded)


def test_the_machine_knows_the_users_and_the_files() -> None:
    assert on_a_machine("respawn alice /bin/x -v\n") == ([], [])
    assert on_a_machine("respawn bob /bin/x\n") == (
        ["ha.cf:7:1 there is no user `bob` on this machine"],
        [],
    )
    assert on_a_machine("respawn root /bin/dopd\n") == (
        [],
        ["ha.cf:7:1 `/bin/dopd` is not an executable file on this machine"],
    )


def variables(lines: str) -> dict[str, str]:
    model = with_ha_cf(lines).model
    assert model is not None
    return dict(model.variables)


def test_env_sets_each_of_its_words_and_the_last_one_counts() -> None:
    assert variables("env A=1 B=x=y\nenv A=2\n") == {"A": "2", "B": "x=y"}
    assert variables("env A\n") == {}


def test_env_without_a_name_is_refused() -> None:
    assert errors(with_ha_cf("env =x\n")) == ["ha.cf:7:5 env: `=x` has no name"]


def test_both_in_toml_and_back() -> None:
    loaded = load(toml(TOML))
    assert errors(loaded) == []
    assert loaded.model is not None
    assert loaded.model.respawn == (
        RespawnSpec(user="root", command='/usr/local/sbin/fan --limit "5, 6"'),
    )
    assert loaded.model.variables == (("COLOUR", "dark green"),)
    assert load(toml(to_toml(loaded.model))).model == loaded.model


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (('user = "root"\n', ""), "9:1 user is missing here"),
        (('"/usr/local', '"usr/local'), "11:1 `usr/local/sbin/fan"),
        (("COLOUR", '"A=B"'), "13:1 `A=B` is no variable's name"),
        (('"dark green"', "7"), "13:1 COLOUR must be a string in quotes"),
    ],
)
def test_what_is_refused_in_toml(change: tuple[str, str], found: str) -> None:
    texts = errors(load(toml(TOML.replace(*change))))
    assert any(text.startswith(f"cluster.toml:{found}") for text in texts), texts


def test_beside_ha_cf_both_belong_there() -> None:
    text = '[[respawn]]\nuser = "root"\ncommand = "/bin/x"\n[env]\nA = "1"\n'
    assert len(errors(load(trio(cluster_toml=text)))) == 2
