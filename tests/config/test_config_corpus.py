"""Published configurations are read with the original parser's verdict.

The files are other people's and stay where they lie: `TWINBEAT_CORPUS`, or `../shared/configs`
beside the project. `UPSTREAM-READING.tsv` there says what Heartbeat 3.0.6 makes of each.
"""

import csv
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from config_files import AUTHKEYS, HARESOURCES

from twinbeat.config import Source, Sources, load
from twinbeat.config.authkeys import read_authkeys
from twinbeat.config.diagnostics import Diagnostic, Report
from twinbeat.config.hacf import read_ha_cf
from twinbeat.config.haresources import read_haresources

PROJECT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("TWINBEAT_CORPUS") or PROJECT.parent / "shared" / "configs")
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")
KINDS = ("ha.cf", "haresources", "authkeys")


@dataclass(frozen=True)
class Case:
    file: str
    verdict: str
    """`ok`, `ERROR`, or `TEMPLATE` for a file that must be rendered before anybody can read it."""
    detail: str

    @property
    def kind(self) -> str:
        return self.file.partition("/")[0]

    @property
    def source(self) -> Source:
        return Source(self.file, (CORPUS / self.file).read_text("utf-8"), 0o600)


def _cases() -> list[Case]:
    table = CORPUS / "UPSTREAM-READING.tsv"
    if not table.exists():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        cases = [Case(row["file"], row["verdict"], row["detail"]) for row in rows]
    return [case for case in cases if case.kind in KINDS]


def _listed_exceptions() -> set[str]:
    page = (PROJECT / "docs" / "kinder-than-heartbeat.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`([a-z.]+/[^`]+\.conf)`", row)}


CASES = _cases()
EXCEPTIONS = _listed_exceptions()
every_file = pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)


def test_the_corpus_is_there() -> None:
    if not CASES and not IN_CI:
        pytest.skip(f"NO CORPUS in {CORPUS}: the original verdicts were not checked")
    assert CASES, f"no corpus in {CORPUS}: set TWINBEAT_CORPUS"
    there = {f"{kind}/{path.name}" for kind in KINDS for path in (CORPUS / kind).iterdir()}
    assert {case.file for case in CASES} == there


@every_file
def test_each_file_is_read_with_the_original_verdict(case: Case) -> None:
    report = Report()
    readers = {"ha.cf": read_ha_cf, "haresources": read_haresources, "authkeys": read_authkeys}
    readers[case.kind](case.source, report)
    found = [d for d in report.diagnostics() if d.severity == "error"]
    if case.verdict != "TEMPLATE":
        assert bool(found) == (case.verdict == "ERROR"), list(map(str, found))


@every_file
def test_each_file_makes_a_cluster_unless_the_table_says_why_not(case: Case) -> None:
    found = _errors_in_a_cluster(case)
    if case.verdict == "TEMPLATE":
        return
    refused = (case.verdict == "ERROR") != (case.file in EXCEPTIONS)
    assert bool(found) == refused, list(map(str, found))


def test_the_table_names_only_files_of_the_corpus() -> None:
    if CASES:
        assert {case.file for case in CASES} >= EXCEPTIONS


@every_file
def test_each_file_says_what_the_original_parser_read(case: Case) -> None:
    if case.verdict == "TEMPLATE":
        return
    report = Report()
    if case.kind == "ha.cf":
        nodes = re.search(r"nodes=([^;]*)", case.detail)
        expected = nodes.group(1).strip().lower().split(",") if nodes and nodes.group(1) else []
        assert [node.value for node in read_ha_cf(case.source, report).nodes] == expected
    elif case.kind == "haresources":
        expected = [line.split() for line in case.detail.partition("awk: ")[2].split(" || ")]
        groups = read_haresources(case.source, report)
        read = [
            [g.preferred.value if g.preferred else "", *(said.value.name for said in g.resources)]
            for g in groups
        ]
        assert read == [line for line in expected if line]
    else:
        keyring = read_authkeys(case.source, report)
        said = re.search(r"auth (\d+) -> (\w+)", case.detail)
        if keyring and said:
            active = keyring.keys[keyring.active]
            assert (str(active.number), active.method) == said.groups()
        else:
            assert case.verdict == "ERROR"


def _errors_in_a_cluster(case: Case) -> list[Diagnostic]:
    """Load the file as part of a cluster whose other files suit it."""
    ha_cf = Source("ha.cf", "bcast eth0\nauto_failback on\nnode node1 node2\n")
    haresources = Source("haresources", HARESOURCES)
    authkeys = Source("authkeys", AUTHKEYS, 0o600)
    if case.kind == "ha.cf":
        nodes = read_ha_cf(case.source, Report()).nodes
        groups = f"{nodes[0].value} httpd\n" if nodes else ""
        sources = Sources(case.source, Source("haresources", groups), authkeys)
    elif case.kind == "haresources":
        groups_of_file = read_haresources(case.source, Report())
        names = " ".join(g.preferred.value for g in groups_of_file if g.preferred)
        ha_cf = Source("ha.cf", f"{ha_cf.text}node {names}\n")
        sources = Sources(ha_cf, case.source, authkeys)
    else:
        sources = Sources(ha_cf, haresources, case.source)
    return [d for d in load(sources).diagnostics if d.severity == "error"]
