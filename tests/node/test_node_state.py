"""The state directory: Heartbeat's formats (3.0.6), growing generations, nothing half-written."""

from pathlib import Path

import pytest

from twinbeat.core.beat import Switch
from twinbeat.core.effects import Remember
from twinbeat.core.units import NodeName
from twinbeat.node.state import HEARTBEAT_DIR, Kept, StateDir, StateError

NODE1 = NodeName("node1.example.com")
WALL = 1_795_409_163


def begin(path: Path, heartbeat: Path | None = None, wall_s: int = WALL) -> Kept:
    state = StateDir(path, heartbeat or path / "nothing")
    try:
        return state.begin_life(wall_s)
    finally:
        state.close()


def test_the_first_generation_is_based_on_the_wall_clock_and_said_so(tmp_path: Path) -> None:
    kept = begin(tmp_path)
    assert kept.life.generation == WALL + 1
    assert kept.notes == (("WARN", "No Previous generation - starting at 1795409164"),)


def test_the_file_is_heartbeats_to_the_byte(tmp_path: Path) -> None:
    begin(tmp_path)
    assert (tmp_path / "hb_generation").read_bytes() == b"     1795409164\n"


def test_every_life_has_the_next_generation_and_another_token(tmp_path: Path) -> None:
    lives = [begin(tmp_path).life for _ in range(3)]
    assert [life.generation for life in lives] == [WALL + 1, WALL + 2, WALL + 3]
    assert len({life.token for life in lives}) == 3
    assert all(0 < life.token < 1 << 64 for life in lives)


def test_where_heartbeat_ran_its_generation_and_identity_go_on(tmp_path: Path) -> None:
    heartbeat = tmp_path / "heartbeat"
    heartbeat.mkdir()
    (heartbeat / "hb_generation").write_bytes(b"     1795409999\n")
    (heartbeat / "hb_uuid").write_bytes(bytes(range(16)))
    kept = begin(tmp_path / "ours", heartbeat)
    assert (kept.life.generation, kept.uuid) == (1_795_410_000, bytes(range(16)))
    assert kept.notes == ()


def test_a_heartbeat_that_ran_in_between_does_not_set_the_generation_back(tmp_path: Path) -> None:
    heartbeat, ours = tmp_path / "heartbeat", tmp_path / "ours"
    heartbeat.mkdir()
    begin(ours, heartbeat)
    (heartbeat / "hb_generation").write_bytes(b"%15d\n" % (WALL + 50))
    assert begin(ours, heartbeat).life.generation == WALL + 51
    assert begin(ours, heartbeat).life.generation == WALL + 52


def test_heartbeat_goes_on_from_this_life_when_it_is_started_again(tmp_path: Path) -> None:
    heartbeat, ours = tmp_path / "heartbeat", tmp_path / "ours"
    heartbeat.mkdir()
    (heartbeat / "hb_generation").write_bytes(b"     1795409999\n")
    begin(ours, heartbeat)
    begin(ours, heartbeat)
    assert (heartbeat / "hb_generation").read_bytes() == b"     1795410001\n"
    (heartbeat / "hb_generation").write_bytes(b"     1795410002\n")  # As Heartbeat then does.
    assert begin(ours, heartbeat).life.generation == 1_795_410_003


def test_a_jump_of_the_generation_is_left_for_heartbeat_too(tmp_path: Path) -> None:
    heartbeat = tmp_path / "heartbeat"
    heartbeat.mkdir()
    state = StateDir(tmp_path / "ours", heartbeat)
    state.begin_life(WALL)
    state.remember(Remember({}, {}, 1_900_000_000))
    state.close()
    assert (heartbeat / "hb_generation").read_bytes() == b"     1900000000\n"


def test_an_identity_is_left_for_heartbeat_and_never_changed(tmp_path: Path) -> None:
    heartbeat, ours = tmp_path / "heartbeat", tmp_path / "ours"
    heartbeat.mkdir()
    made = begin(ours, heartbeat).uuid
    assert (heartbeat / "hb_uuid").read_bytes() == made
    (heartbeat / "hb_uuid").write_bytes(bytes(range(16)))
    assert begin(ours, heartbeat).uuid == made
    assert (heartbeat / "hb_uuid").read_bytes() == bytes(range(16))


def test_where_no_heartbeat_is_installed_nothing_is_made(tmp_path: Path) -> None:
    begin(tmp_path / "ours", tmp_path / "heartbeat")
    assert not (tmp_path / "heartbeat").exists()


def test_what_cannot_be_left_for_heartbeat_is_told(tmp_path: Path) -> None:
    heartbeat = tmp_path / "heartbeat"
    (heartbeat / ".hb_generation.new").mkdir(parents=True)
    state = StateDir(tmp_path / "ours", heartbeat)
    kept = state.begin_life(WALL)
    state.close()
    assert kept.life.generation == WALL + 1
    assert any("a Heartbeat that is started again" in note for _, note in kept.notes)


def test_a_link_in_heartbeats_directory_is_not_followed(tmp_path: Path) -> None:
    heartbeat, victim = tmp_path / "heartbeat", tmp_path / "victim"
    heartbeat.mkdir()
    victim.write_text("precious")
    (heartbeat / ".hb_generation.new").symlink_to(victim)
    (heartbeat / "hb_uuid").symlink_to(tmp_path / "nowhere")
    begin(tmp_path / "ours", heartbeat)
    assert victim.read_text() == "precious"
    assert (heartbeat / "hb_generation").read_bytes() == b"     1795409164\n"


def test_a_directory_elsewhere_shares_nothing_with_the_machines_heartbeat(tmp_path: Path) -> None:
    theirs = HEARTBEAT_DIR / "hb_generation"
    before = theirs.read_bytes() if theirs.exists() else None
    state = StateDir(tmp_path)
    assert state.begin_life(WALL).life.generation == WALL + 1
    state.close()
    assert (theirs.read_bytes() if theirs.exists() else None) == before


@pytest.mark.parametrize("text", [b"garbage\n", b"-5\n", b"0\n", b"9" * 40, b"\xff\x00"])
def test_a_broken_generation_is_told_and_replaced_by_the_clock(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "hb_generation").write_bytes(text)
    kept = begin(tmp_path)
    assert kept.life.generation == WALL + 1
    assert any("BROKEN" in note for _, note in kept.notes)


def test_the_identity_is_made_once(tmp_path: Path) -> None:
    first, second = begin(tmp_path).uuid, begin(tmp_path).uuid
    assert first == second == (tmp_path / "hb_uuid").read_bytes()
    assert len(first) == 16


def test_a_broken_identity_is_told_and_made_anew(tmp_path: Path) -> None:
    (tmp_path / "hb_uuid").write_bytes(b"short")
    kept = begin(tmp_path)
    assert len(kept.uuid) == 16
    assert (tmp_path / "hb_uuid").read_bytes() == kept.uuid
    assert any("hb_uuid is BROKEN" in note for _, note in kept.notes)


def test_switches_and_a_jump_of_the_generation_survive(tmp_path: Path) -> None:
    state = StateDir(tmp_path, tmp_path / "nothing")
    state.begin_life(WALL)
    switches = {NODE1: Switch(3, True)}
    state.remember(Remember(switches, {NodeName("*"): Switch(1, False)}, WALL + 100))
    state.close()
    kept = begin(tmp_path)
    assert kept.standby == switches
    assert kept.maintenance == {NodeName("*"): Switch(1, False)}
    assert kept.life.generation == WALL + 101


def test_remembering_the_present_generation_does_not_set_it_back(tmp_path: Path) -> None:
    state = StateDir(tmp_path, tmp_path / "nothing")
    generation = state.begin_life(WALL).life.generation
    state.remember(Remember({}, {}, generation))
    state.close()
    assert begin(tmp_path).life.generation == generation + 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        '{"standby":{}}',
        '{"standby":[],"maintenance":{}}',
        '{"standby":{"n":{"counter":"1","on":true}},"maintenance":{}}',
        '{"standby":{"n":{"counter":1}},"maintenance":{}}',
    ],
)
def test_broken_switches_are_told_and_off(tmp_path: Path, text: str) -> None:
    (tmp_path / "switches.json").write_text(text)
    kept = begin(tmp_path)
    assert (kept.standby, kept.maintenance) == ({}, {})
    assert any("switches.json is BROKEN" in note for _, note in kept.notes)


def test_a_second_daemon_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    first = StateDir(tmp_path)
    with pytest.raises(StateError, match="another twinbeat already runs"):
        StateDir(tmp_path)
    first.close()
    StateDir(tmp_path).close()


def test_a_directory_that_cannot_be_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="--state-dir"):
        StateDir(tmp_path / "file" / "state")


def test_a_generation_that_cannot_be_written_ends_the_start(tmp_path: Path) -> None:
    state = StateDir(tmp_path, tmp_path / "nothing")
    (tmp_path / ".hb_generation.new").mkdir()
    with pytest.raises(StateError, match="ignore this node"):
        state.begin_life(WALL)
    state.close()
