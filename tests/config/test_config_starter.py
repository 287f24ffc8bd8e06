"""What `twinbeat init` writes is a configuration that loads, and explains itself."""

import pytest
from config_files import errors, warnings

from twinbeat.config import Loaded, Source, Sources, load, starter

KEY = "0123456789abcdef0123456789abcdef"


def written(files: dict[str, str]) -> Loaded:
    ha_cf, haresources, authkeys = (
        Source(name, files[name], 0o600) for name in ("ha.cf", "haresources", "authkeys")
    )
    return load(Sources(ha_cf, haresources, authkeys))


def test_a_cluster_with_a_group() -> None:
    loaded = written(
        starter(
            ["node1", "node2"],
            "eth1",
            key=KEY,
            second_interface="eth0",
            resources=["192.168.0.140/24/eth0", "httpd"],
        )
    )
    assert loaded.diagnostics == ()
    assert loaded.model is not None
    assert [link.interface for link in loaded.model.links] == ["eth1", "eth0"]
    assert loaded.model.groups[0].nodes == ("node1", "node2")
    assert loaded.keyring is not None
    assert loaded.keyring.keys[1].secret == KEY.encode()
    assert loaded.keyring.keys[1].method == "sha256"


def test_without_resources_the_file_explains_itself_and_runs_nothing() -> None:
    loaded = written(starter(["a"], "eth1", key=KEY))
    assert errors(loaded) == []
    assert loaded.model is not None
    assert loaded.model.groups == ()
    assert "ha.cf:0:0 no group is configured" in warnings(loaded)


@pytest.mark.parametrize(("names", "key"), [([], KEY), (["a"], ""), (["a"], "two words")])
def test_what_makes_no_configuration_is_refused(names: list[str], key: str) -> None:
    with pytest.raises(ValueError, match=r"one"):
        starter(names, "eth1", key=key)
