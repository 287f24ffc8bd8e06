"""What `cl_status hbparameter` is told; Heartbeat 3.0.6 answered so beside files like these."""

from config_files import toml, trio

from twinbeat import __version__
from twinbeat.config import load

SHORT = """\
keepalive 1
deadtime 3
initdead 4
bcast eth1
auto_failback off
node node1
node node2
"""
LONG = """\
cluster web
debug 1
debugfile /var/log/ha-debug
logfile /var/log/ha-log
logfacility local0
keepalive 500ms
warntime 1
deadtime 1500ms
initdead 3000ms
deadping 4
udpport 695
baud 9600
hopfudge 2
bcast eth1
auto_failback On
realtime no
rtprio 5
use_logd off
pacemaker off
autojoin none
uuidfrom file
hbgenmethod file
log_badpack on
syslogmsgfmt on
coredumps on
compression zlib
compression_threshold 3
traditional_compression off
max_rexmit_delay 300
memreserve 6000
conn_logd_time 50
node node1 node2
"""
ALWAYS = {
    "autojoin": "none",
    "compression": "zlib",
    "hbgenmethod": "file",
    "hbversion": f"3.0.6 (twinbeat {__version__})",
    "msgfmt": "classic",
    "record_config_changes": "on",
    "uuidfrom": "file",
    # These two are in the table of `heartbeat -D`; beside both files they keep its default.
    "enable_config_writes": "on",
    "record_pengine_inputs": "on",
}


def test_what_the_file_does_not_say_has_heartbeats_default() -> None:
    assert load(trio(SHORT, "node1 x\n")).parameters == ALWAYS | {
        "auto_failback": "off",
        "baud": "19200",
        "cluster": "linux-ha",
        "compression_threshold": "2",
        "conn_logd_time": "60",
        "coredumps": "true",
        "crm": "false",
        "deadping": "3000ms",
        "deadtime": "3",
        "debug": "0",
        "hopfudge": "1",
        "initdead": "4",
        "keepalive": "1",
        "log_badpack": "true",
        "max_rexmit_delay": "250",
        "memreserve": "6500",
        "pacemaker": "false",
        "realtime": "true",
        "syslogmsgfmt": "true",
        "traditional_compression": "no",
        "udpport": "694",
        "warntime": "1500ms",
    }


def test_what_the_file_says_is_told_as_it_is_written() -> None:
    assert load(trio(LONG, "node1 x\n")).parameters == ALWAYS | {
        "auto_failback": "On",
        "baud": "9600",
        "cluster": "web",
        "compression_threshold": "3",
        "conn_logd_time": "50",
        "coredumps": "on",
        "crm": "off",
        "deadping": "4",
        "deadtime": "1500ms",
        "debug": "1",
        "debugfile": "/var/log/ha-debug",
        "hopfudge": "2",
        "initdead": "3000ms",
        "keepalive": "500ms",
        "log_badpack": "on",
        "logfacility": "local0",
        "logfile": "/var/log/ha-log",
        "max_rexmit_delay": "300",
        "memreserve": "6000",
        "pacemaker": "off",
        "realtime": "no",
        "rtprio": "5",
        "syslogmsgfmt": "on",
        "traditional_compression": "off",
        "udpport": "695",
        "use_logd": "off",
        "warntime": "1",
    }


def test_a_cluster_toml_is_told_in_heartbeats_words() -> None:
    told = load(
        toml("""
[cluster]
name = "web"
nodes = ["a", "b"]
[timing]
keepalive = "200ms"
deadtime = "1s"
[[link]]
kind = "broadcast"
interface = "eth1"
[[group]]
name = "g"
preferred = "a"
failback = "off"
[[group.resource]]
agent = "lsb"
name = "x"
""")
    ).parameters
    asked = ("cluster", "keepalive", "deadtime", "auto_failback")
    assert [told[name] for name in asked] == ["web", "200ms", "1000ms", "off"]


def test_without_a_model_there_is_nothing_to_tell() -> None:
    assert load(trio("keepalive never\n", "node1 x\n")).parameters == {}
