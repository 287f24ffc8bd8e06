"""Whatever the files hold, reading them ends with a model or with reasons."""

import time

import pytest
from config_files import AUTHKEYS, HA_CF, HARESOURCES
from hypothesis import example, given
from hypothesis import strategies as st

from twinbeat.config import Source, Sources, load
from twinbeat.config.hacf import DIRECTIVES

anything = st.text(max_size=200) | st.text(st.characters(), max_size=200)
values = st.sampled_from(
    [
        "1",
        "0",
        "-1",
        "1s",
        "500ms",
        "on",
        "off",
        "eth0",
        "10.0.0.1",
        "node1",
        "$X",
        "225.0.0.1",
        "694",
        "::",
        "fd00::1",
        "legacy",
        "none",
        "any",
        "\\",
        "#",
        ",",
        "\x00",
        "\ud800",
        "é",
    ]
)
ha_cf_lines = st.builds(
    lambda name, words, blank: name + blank + blank.join(words),
    st.sampled_from(sorted(DIRECTIVES)),
    st.lists(values, max_size=6),
    st.sampled_from([" ", "\t", ",", ""]),
)
haresources_lines = st.builds(
    " ".join,
    st.lists(
        st.sampled_from(
            [
                "node1",
                "node2",
                "httpd",
                "IPaddr::",
                "10.0.0.1/24/eth0:0",
                "::",
                "/",
                "\\",
                "x::y",
                "IPaddr2::1.2.3.4/33",
                "IPv6addr::fe80::1%eth0",
                "10.0.0.1/24/",
                "\ud800",
                "a" * 300,
            ]
        ),
        max_size=6,
    ),
)
toml_lines = st.sampled_from(
    [
        "[cluster]",
        "[timing]",
        "[[link]]",
        "[[group]]",
        "[[group.resource]]",
        "[log]",
        "[group]",
        'nodes = ["a", "b"]',
        "nodes = 3",
        'name = "x"',
        'agent = "ip"',
        'address = "1.2.3.4/5"',
        'kind = "broadcast"',
        'interface = "eth0"',
        'keepalive = "1s"',
        "x = [1, {y = 2}]",
        '"',
    ],
)
files = anything | st.lists(ha_cf_lines | haresources_lines | toml_lines, max_size=12).map(
    "\n".join
)


@given(files, files, files, st.none() | files, st.integers(0, 0o777))
@example("\ud800", "\ud800", "auth 1\n1 md5 \ud800", "\ud800", 0o600)
def test_no_text_crashes_the_reader(
    ha_cf: str, haresources: str, authkeys: str, cluster_toml: str | None, mode: int
) -> None:
    loaded = load(
        Sources(
            Source("ha.cf", ha_cf),
            Source("haresources", haresources),
            Source("authkeys", authkeys, mode),
            None if cluster_toml is None else Source("cluster.toml", cluster_toml),
        ),
        "node1",
    )
    failed = any(diagnostic.severity == "error" for diagnostic in loaded.diagnostics)
    assert (loaded.model is None) == failed
    for diagnostic in loaded.diagnostics:
        str(diagnostic).encode()


@given(files, files)
def test_no_cluster_toml_crashes_the_reader(text: str, authkeys: str) -> None:
    loaded = load(
        Sources(authkeys=Source("authkeys", authkeys), cluster_toml=Source("c.toml", text))
    )
    failed = any(diagnostic.severity == "error" for diagnostic in loaded.diagnostics)
    assert (loaded.model is None) == failed


@given(files, st.sampled_from([0, 1, 2]))
def test_one_bad_file_among_good_ones(text: str, which: int) -> None:
    texts = [HA_CF, HARESOURCES, AUTHKEYS]
    texts[which] = text
    ha_cf, haresources, authkeys = (Source(str(n), text) for n, text in enumerate(texts))
    loaded = load(Sources(ha_cf, haresources, authkeys))
    assert (loaded.model is None) == any(d.severity == "error" for d in loaded.diagnostics)


LONG = ["x", "node a", "a \\", "bcast eth0", "node1 10.0.0.1", "[[group]]", "a = '", "[a.", ""]
LONG += ["1 md5 x", "auth 1", "[", "node1 httpd", " ", "a." * 2500 + "b = 1", "# x", "\\", "[" * 99]


@pytest.mark.parametrize("line", LONG)
def test_a_megabyte_of_nonsense_is_read_in_bounded_time(line: str) -> None:
    text = f"{line}\n" * ((1 << 20) // (len(line) + 1))
    start = time.monotonic()
    source = Source("f", text)
    load(Sources(source, source, source))
    load(Sources(Source("f", HA_CF), source, source))
    load(Sources(authkeys=source, cluster_toml=source))
    assert time.monotonic() - start < 30
