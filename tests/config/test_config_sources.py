"""Reading the files from disk: what is missing, unreadable, huge or in another encoding."""

import os
from pathlib import Path

import pytest
from config_files import AUTHKEYS, HA_CF, HARESOURCES

from twinbeat.config import load
from twinbeat.node.sources import MAX_BYTES, SourceError, read_sources


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "ha.cf").write_text(HA_CF)
    (tmp_path / "haresources").write_text(HARESOURCES)
    (tmp_path / "authkeys").write_text(AUTHKEYS)
    (tmp_path / "authkeys").chmod(0o600)
    return tmp_path


def test_a_directory(directory: Path) -> None:
    sources = read_sources(directory)
    assert sources.ha_cf is not None
    assert sources.authkeys is not None
    assert (sources.ha_cf.path, sources.ha_cf.text) == (f"{directory}/ha.cf", HA_CF)
    assert sources.authkeys.mode == 0o600
    assert sources.cluster_toml is None
    loaded = load(sources, "node1")
    assert loaded.model is not None
    assert loaded.model.script_dirs == (f"{directory}/resource.d", "/etc/init.d")


def test_a_key_that_others_can_read_is_refused(directory: Path) -> None:
    (directory / "authkeys").chmod(0o640)
    assert load(read_sources(directory)).model is None


def test_one_file_and_the_keys_beside_it(directory: Path) -> None:
    (directory / "other.toml").write_text("[cluster]\n")
    sources = read_sources(directory / "other.toml")
    assert sources.cluster_toml is not None
    assert sources.authkeys is not None
    assert sources.ha_cf is None
    assert sources.directory == str(directory)


def test_a_relative_path_is_remembered_as_absolute(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(directory)
    assert read_sources(Path()).directory == str(directory)


def test_latin_1_is_read_and_a_key_keeps_its_bytes(directory: Path) -> None:
    (directory / "ha.cf").write_bytes(HA_CF.encode() + b"# r\xe9serve\n")
    (directory / "authkeys").write_bytes(b"auth 1\n1 sha1 0123456789abcd\xe9f\n")
    loaded = load(read_sources(directory))
    assert loaded.model is not None
    assert loaded.keyring is not None
    assert loaded.keyring.keys[1].secret == b"0123456789abcd\xe9f"


@pytest.mark.parametrize("name", ["ha.cf", "haresources", "authkeys"])
def test_one_of_the_three_is_not_enough(directory: Path, name: str) -> None:
    with pytest.raises(SourceError, match="give its directory"):
        read_sources(directory / name)


def test_what_does_not_exist(directory: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        read_sources(directory / "nowhere")
    with pytest.raises(SourceError, match="does not exist"):
        read_sources(directory / "ha.cf" / "cluster.toml")
    assert read_sources(directory / "..").ha_cf is None


def test_what_is_no_file(directory: Path) -> None:
    os.mkfifo(directory / "cluster.toml")
    with pytest.raises(SourceError, match="is no regular file"):
        read_sources(directory)
    (directory / "cluster.toml").unlink()
    (directory / "cluster.toml").mkdir()
    with pytest.raises(SourceError, match="is no regular file"):
        read_sources(directory)


def test_what_is_too_long(directory: Path) -> None:
    (directory / "haresources").write_bytes(b"#" * MAX_BYTES)
    assert read_sources(directory).haresources is not None
    (directory / "haresources").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(SourceError, match="longer than 1 MiB"):
        read_sources(directory)


def test_what_leads_in_a_circle(directory: Path) -> None:
    (directory / "cluster.toml").symlink_to("cluster.toml")
    with pytest.raises(SourceError, match="cannot be read"):
        read_sources(directory)
