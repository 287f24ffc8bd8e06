"""What status says of resources that two nodes would damage."""

from dataclasses import replace

import pytest
from core_solo import Solo, configured

from twinbeat.core.model import AgentKind, ClusterModel, Proof, ResourceSpec
from twinbeat.core.units import MS, SECOND, Instant

DISK = ResourceSpec(name="data", agent=AgentKind.OCF, script="heartbeat:Filesystem")


def with_disk(proof: Proof) -> ClusterModel:
    cluster = configured(proof)
    group = replace(cluster.groups[0], resources=(*cluster.groups[0].resources, DISK))
    return replace(cluster, groups=(group,))


@pytest.mark.parametrize("proof", Proof)
def test_a_group_with_a_disk_is_unproven_unless_fencing_ends_it(proof: Proof) -> None:
    solo = Solo(with_disk(proof))
    (group,) = solo.engine.status(Instant(10 * SECOND + solo.now * MS)).groups.values()
    flag = f"unproven: {with_disk(proof).groups[0].name}"
    if proof is Proof.FENCE:
        assert group.unproven is None
        assert flag not in solo.flags()
    else:
        assert group.unproven == (
            "data is a file system: when the links are cut while both nodes live, both would use "
            "it at once; silence is no proof that the other node let go, only fencing is"
        )
        assert flag in solo.flags()


def test_a_group_of_addresses_and_services_is_not() -> None:
    solo = Solo(configured(Proof.PEER))
    (group,) = solo.engine.status(Instant(10 * SECOND)).groups.values()
    assert group.unproven is None
    assert not any(flag.startswith("unproven") for flag in solo.flags())
