"""What a group says of failures and of other groups, and how its resources are watched."""

from textwrap import dedent

import pytest
from config_files import errors, toml, trio, warnings

from twinbeat.config import load, to_toml
from twinbeat.core.model import ClusterModel, Recovery
from twinbeat.core.units import SECOND, Duration

HEAD = """\
[cluster]
nodes = ["a", "b", "c"]
[[link]]
kind = "broadcast"
interface = "eth1"
"""
"""Lines 1 to 5; each group below has five lines of its own, and what it says after the
second one."""


def cluster(**groups: str) -> str:
    """A cluster of these groups, each of one unit, with the lines that each says, joined by `;`."""
    text = HEAD
    for name, said in groups.items():
        lines = "".join(f"{line.strip()}\n" for line in said.split(";") if line)
        unit = f'[[group.resource]]\nagent = "systemd"\nname = "{name}"\n'
        text += f'[[group]]\nname = "{name}"\n{lines}{unit}'
    return text


def model_of(text: str) -> ClusterModel:
    loaded = load(toml(text))
    assert errors(loaded) == []
    assert loaded.model is not None
    return loaded.model


def test_what_is_not_said_is_three_restarts_in_ten_minutes_and_ten_minutes_barred() -> None:
    (group,) = model_of(cluster(web="")).groups
    assert group.recovery == Recovery(
        restarts=3, window=Duration(600 * SECOND), expiry=Duration(600 * SECOND)
    )
    assert (group.after, group.beside, group.apart) == ((), (), ())


def test_everything_that_can_be_said() -> None:
    text = cluster(
        db="",
        cache="",
        test="",
        web='restarts = 1; window = "1h"; expiry = "30m"; '
        'after = "db"; with = ["db", "cache"]; not-with = "test"',
    )
    text += 'monitor = "30s"\nfall = 3\nrise = 2\n'
    text += '[[group.resource]]\nagent = "lsb"\nname = "httpd"\npidfile = "/run/httpd.pid"\n'
    text += 'monitor = "never"\n'
    group = model_of(text).groups[3]
    assert group.recovery == Recovery(
        restarts=1, window=Duration(3600 * SECOND), expiry=Duration(1800 * SECOND)
    )
    assert (group.after, group.beside, group.apart) == (("db",), ("db", "cache"), ("test",))
    unit, httpd = group.resources
    assert (unit.monitor, unit.fall, unit.rise, unit.pidfile) == (30 * SECOND, 3, 2, "")
    assert (httpd.monitor, httpd.fall, httpd.rise) == (0, 1, 1)
    assert httpd.pidfile == "/run/httpd.pid"


@pytest.mark.parametrize("never", ["0", '"0s"', '"never"'])
def test_a_resource_may_be_looked_at_never(never: str) -> None:
    text = cluster(web="")
    assert model_of(text).groups[0].resources[0].monitor is None
    assert model_of(f"{text}monitor = {never}\n").groups[0].resources[0].monitor == 0


def test_it_is_written_as_it_is_read() -> None:
    said = 'restarts = 0; window = "90s"; expiry = "1h"; with = "db"; not-with = ["x", "y"]'
    text = cluster(x="", y="", db="", web=said) + 'monitor = "never"\nfall = 2\nrise = 5\n'
    text += '[[group.resource]]\nagent = "lsb"\nname = "httpd"\npidfile = "/run/httpd.pid"\n'
    model = model_of(text)
    written = to_toml(model)
    assert model_of(written) == model
    web = written[written.index('name = "web"') :]
    assert web == dedent(
        """\
        name = "web"
        preferred = "a"
        failback = "on"
        restarts = 0
        window = "90s"
        expiry = "1h"
        with = ["db"]
        not-with = ["x", "y"]

        [[group.resource]]
        agent = "systemd"
        name = "web"
        monitor = "never"
        fall = 2
        rise = 5

        [[group.resource]]
        agent = "lsb"
        name = "httpd"
        pidfile = "/run/httpd.pid"
        """
    )


SHARED = [
    "restarts = 4",
    'window = "11m"',
    'expiry = "11m"',
    'after = "db"',
    'with = "db"',
    'not-with = "db"',
]
WATCHED = ['monitor = "never"', "fall = 2", "rise = 2"]


def test_all_of_it_must_be_the_same_on_every_node() -> None:
    digests = [model_of(cluster(db="", web=said)).digest for said in ["", *SHARED]]
    digests += [model_of(f"{cluster(db='', web='')}{said}\n").digest for said in WATCHED]
    assert len(set(digests)) == len(digests)


def test_beside_ha_cf_the_groups_are_called_by_their_first_word() -> None:
    loaded = load(
        trio(
            haresources="node1 10.0.0.1 db\nnode1 10.0.0.2 httpd\n",
            cluster_toml='[[group]]\nname = "10.0.0.2"\nrestarts = 0\nafter = "10.0.0.1"\n'
            'with = ["10.0.0.1"]\n[[group.resource]]\nname = "httpd"\nmonitor = "never"\n'
            'fall = 2\npidfile = "/run/httpd.pid"\n',
        )
    )
    assert errors(loaded) == []
    assert loaded.model is not None
    group = loaded.model.groups[1]
    assert (group.after, group.beside) == (("10.0.0.1",), ("10.0.0.1",))
    assert group.recovery == Recovery(restarts=0)
    httpd = group.resources[1]
    assert (httpd.monitor, httpd.fall, httpd.pidfile) == (0, 2, "/run/httpd.pid")


def said(text: str) -> str:
    """What is said of a cluster, but for its one link, three nodes and lack of addresses."""
    always = ("all heartbeats travel", "3 nodes and no proof", "has no virtual IP")
    found = load(toml(text)).diagnostics
    return "".join(f"{each}\n" for each in found if not any(a in each.message for a in always))


GOLDEN = [
    (
        cluster(db="", web='after = "dbs"'),
        """\
        cluster.toml:13:1: error: `after` names `dbs`, and there is no such group
            The group `web` cannot be placed by what does not exist.
            hint: did you mean `db`?
        """,
    ),
    (
        cluster(db="", mail="", web='not-with = "nginx"'),
        """\
        cluster.toml:18:1: error: `not-with` names `nginx`, and there is no such group
            The group `web` cannot be placed by what does not exist.
            hint: the others are `db` and `mail`
        """,
    ),
    (
        cluster(web='with = "web"'),
        """\
        cluster.toml:8:1: error: the group `web` is to run `with` itself
            It could run nowhere.
            hint: `with` names another group
        """,
    ),
    (
        cluster(db='after = "web"', mail="", web='with = ["mail", "db"]'),
        """\
        cluster.toml:19:1: error: groups depend on each other in a ring: `db` after `web`, \
`web` with `db`
            None of them could be placed before the others are.
            hint: take one of these out; what two groups are to each other is said in one of \
them, the one that gives way
        """,
    ),
    (
        cluster(db='not-with = "web"', web='not-with = "db"'),
        """\
        cluster.toml:14:1: error: groups depend on each other in a ring: `db` not-with `web`, \
`web` not-with `db`
            None of them could be placed before the others are.
            hint: take one of these out; what two groups are to each other is said in one of \
them, the one that gives way
        """,
    ),
    (
        cluster(db="", web='with = "db"; not-with = "db"'),
        """\
        cluster.toml:13:1: error: `web` must run with `db`, but `web` is `not-with` `db`
            There is no node on which both hold: the group could run nowhere.
            hint: take one of the two relations out
        """,
    ),
    (
        cluster(db="", cache='not-with = "db"', web='with = ["db", "cache"]', mail='with = "web"'),
        """\
        cluster.toml:19:1: error: `web` must run with `cache` and `db`, but `cache` is \
`not-with` `db`
            There is no node on which both hold: the group could run nowhere.
            hint: take one of the two relations out
        """,
    ),
    (
        cluster(
            db='nodes = ["a"]',
            web='nodes = ["b", "c"]; with = "db"',
            mail='nodes = ["a", "b"]; with = "web"',
        ),
        """\
        cluster.toml:15:1: error: `web` and what it runs `with` have no node in common: `web` on \
`b` and `c`; `db` on `a`
            The group could run nowhere.
            hint: let `nodes` of these groups share at least one node, better two
        """,
    ),
    (
        cluster(db="", web='nodes = ["b"]; with = "db"'),
        """\
        cluster.toml:14:1: warning: `db` may run on `a` and `c`, and `web` may not
            It runs with `db` or not at all: when that is there, it runs nowhere.
            hint: let both name the same nodes
        """,
    ),
    (
        cluster(web="") + "fall = 0\nrise = 101\n",
        """\
        cluster.toml:11:1: error: fall must be a number from 1 to 100, not `0`
            So many bad looks in a row make it failed: with none it never would be, with so many \
hardly ever.
            hint: 1 is usual, 2 or 3 suit a check that errs now and then
        cluster.toml:12:1: error: rise must be a number from 1 to 100, not `101`
            So many good looks in a row make it sound again after a bad one.
            hint: 1 is usual
        """,
    ),
    (
        cluster(web='restarts = 101; window = "0s"; expiry = "0s"'),
        """\
        cluster.toml:8:1: error: restarts must be a number from 0 to 100, not `101`
            So often a resource that failed is started again where it ran, before the group moves.
            hint: 0 lets the group move at once
        cluster.toml:9:1: error: window is zero
            No two failures would ever be counted together, and the group would never move.
            hint: an hour, `1h`, or the ten minutes that it is when left out
        cluster.toml:10:1: error: expiry is zero
            The group would come straight back to the node where it failed.
            hint: for how long the node is barred, like `10m`
        """,
    ),
    (
        cluster(web='restarts = 4; window = "2m"')
        + '[[group.resource]]\nagent = "lsb"\nname = "httpd"\nfall = 3\n',
        """\
        cluster.toml:9:1: warning: 4 restarts of `httpd` do not fit into the window of 120 s
            Its failure is noticed after 30 s, so it never fails often enough within the window: \
it would be started again and again where it fails, and the group would not move.
            hint: a window of more than 120 s, or a shorter `monitor`
        """,
    ),
    (
        cluster(web="")
        + '[[group.resource]]\nagent = "lsb"\nname = "httpd"\npidfile = "httpd.pid"\n',
        """\
        cluster.toml:14:1: error: the pidfile `httpd.pid` is no full path
            The daemon runs in a directory of its own and would not find it: a death would be \
noticed at the next look only.
            hint: write where it lies, like `/run/httpd.pid`
        """,
    ),
    (
        cluster(web="") + 'pidfile = "/run/web.pid"\n',
        """\
        cluster.toml:11:1: error: `web` needs no pidfile: systemd tells of the death of a unit's \
processes itself
            hint: take the line out
        """,
    ),
    (
        cluster(web="not_with = []"),
        """\
        cluster.toml:8:1: error: there is no `not_with` here
            hint: did you mean `not-with`?
        """,
    ),
]


@pytest.mark.parametrize(("text", "expected"), GOLDEN)
def test_a_diagnostic_reads_as_written_here(text: str, expected: str) -> None:
    assert said(text) == dedent(expected)


@pytest.mark.parametrize("looks", ['monitor = "3s"\n', 'monitor = "never"\n'])
def test_a_window_that_restarts_fit_into_is_sound(looks: str) -> None:
    text = cluster(web='restarts = 4; window = "2m"')
    text += '[[group.resource]]\nagent = "lsb"\nname = "httpd"\n' + looks
    assert not any("window" in each for each in warnings(load(toml(text))))


def test_many_groups_that_depend_on_all_before_them_are_read_quickly_and_without_complaint() -> (
    None
):
    names = [f"g{n}" for n in range(256)]
    groups = {}
    for n, name in enumerate(names):
        before = ", ".join(f'"{other}"' for other in names[max(0, n - 16) : n])
        groups[name] = f"with = [{before}]"
    model = model_of(cluster(**groups))
    assert model.groups[255].beside == tuple(names[239:255])


def test_no_more_than_sixteen_groups_are_named_at_once() -> None:
    names = ", ".join(f'"g{n}"' for n in range(17))
    text = cluster(**{f"g{n}": "" for n in range(17)}, web=f"after = [{names}]")
    assert errors(load(toml(text))) == [
        "cluster.toml:93:1 after names more than 16 groups",
    ]
