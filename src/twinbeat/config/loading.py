"""Read a configuration whole: the sources in, a model and its keys out, or what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass

from twinbeat.core.model import ClusterModel, Keyring, ResourceSpec

from .additions import read_additions
from .authkeys import read_authkeys
from .build import build
from .clustertoml import read_cluster
from .consequences import Resolves, explain
from .diagnostics import Diagnostic, Mark, Report, listed
from .draft import Draft, SaidResource
from .hacf import read_ha_cf
from .haresources import read_haresources
from .hooks import check_hooks
from .parameters import parameters
from .programs import check_programs
from .tables import parse
from .text import Sources, bounded, lower


@dataclass(frozen=True, slots=True)
class Placed:
    """One resource, and where the files say it and its parameters."""

    group: str
    spec: ResourceSpec
    mark: Mark
    parameters: Mapping[str, Mark]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a reading gave. There is a model exactly when no diagnostic is an error."""

    model: ClusterModel | None
    keyring: Keyring | None
    diagnostics: tuple[Diagnostic, ...]
    parameters: Mapping[str, str]
    """The directives of ha.cf by name, for `cl_status hbparameter`; empty without a model."""
    resources: tuple[Placed, ...] = ()
    """Every resource of the model, group by group."""


def load(sources: Sources, node: str | None = None, resolves: Resolves | None = None) -> Loaded:
    """Read everything and check it as one; never raises for what the files say.

    With `node` given, it must be one of the nodes: that is who this daemon will be. With `resolves`
    given, names are looked up, which may take long.
    """
    report = Report()
    sources = Sources(
        bounded(sources.ha_cf, report),
        bounded(sources.haresources, report),
        bounded(sources.authkeys, report),
        bounded(sources.cluster_toml, report),
        sources.directory,
        sources.machine,
    )
    draft = _draft(sources, report)
    if draft and sources.machine:
        check_programs(draft, sources.machine, report)
        check_hooks(draft, sources.machine, report)
    model = build(draft, sources.directory, report) if draft else None
    if model and draft:
        explain(model, draft, report, resolves)
        _is_member(model, draft, node, report)
    keyring = _keyring(sources, report)
    if report.failed or model is None or draft is None:
        return Loaded(None, keyring, report.diagnostics(), {})
    found = report.diagnostics()
    return Loaded(model, keyring, found, parameters(draft, model), _placed(draft))


def _placed(draft: Draft) -> tuple[Placed, ...]:
    return tuple(
        Placed(
            group.name.value,
            said.value,
            said.mark,
            said.parameters if isinstance(said, SaidResource) else {},
        )
        for group in draft.groups
        for said in group.resources
    )


def _draft(sources: Sources, report: Report) -> Draft | None:
    root = parse(sources.cluster_toml, report) if sources.cluster_toml else None
    if sources.ha_cf:
        draft = read_ha_cf(sources.ha_cf, report)
        if sources.haresources:
            draft.groups = read_haresources(sources.haresources, report)
        else:
            report.error(
                Mark(f"{sources.directory}/haresources"),
                "there is no haresources beside ha.cf",
                "Nobody knows what the cluster is to run; Heartbeat does not start without it.",
                "create the file; it may be empty",
            )
        if root:
            read_additions(root, draft)
        return draft
    if sources.haresources:
        report.error(
            Mark(sources.haresources.path),
            "there is no ha.cf beside haresources",
            "Nobody knows who the nodes are.",
            "`twinbeat init DIR` writes a first ha.cf",
        )
        return None
    if sources.cluster_toml:
        return read_cluster(root) if root else None
    report.error(
        Mark(sources.directory),
        "there is no configuration here: neither ha.cf nor cluster.toml",
        hint="`twinbeat init DIR` writes a first one",
    )
    return None


def _keyring(sources: Sources, report: Report) -> Keyring | None:
    if sources.authkeys:
        return read_authkeys(sources.authkeys, report)
    if sources.ha_cf or sources.cluster_toml:
        report.error(
            Mark(f"{sources.directory}/authkeys"),
            "there is no authkeys",
            "Heartbeats cannot be signed, and unsigned ones are not believed.",
            "copy the file from another node; `twinbeat init DIR` writes a first one",
        )
    return None


def _is_member(model: ClusterModel, draft: Draft, node: str | None, report: Report) -> None:
    if node is None or lower(node) in model.nodes:
        return
    report.error(
        draft.nodes[0].mark,
        f"Current node [{lower(node)}] not in configuration!",
        f"The nodes are {listed(model.nodes, 'and')}, and this daemon would be none of them.",
        "list this node as `uname -n` prints it, or give the right name with --node",
    )
