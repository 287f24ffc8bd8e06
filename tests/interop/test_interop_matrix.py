"""The matrix in CI, each row with one mixed pair in turn; `./dev interop --all` plays it all."""

import os
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from interop_matrix import BY_NAME, ROWS, Row, plays
from interop_noise import NOISE
from interop_pairs import MIXED, Pair
from interop_play import Outcome
from interop_run import SIDE_BY_SIDE, report, run

from twinbeat.lab.heartbeat_daemon import HeartbeatDaemon

CHOSEN = plays(everything=False)
Played = dict[tuple[str, Pair], "Future[Outcome]"]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    if os.geteuid() != 0 or HeartbeatDaemon.version() is None:
        pytest.skip("needs root and Heartbeat")
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {(row.name, pair): pool.submit(run, row, pair) for row, pair in CHOSEN}


@pytest.mark.root
@pytest.mark.parametrize(("row", "pair"), CHOSEN, ids=lambda part: getattr(part, "name", part))
def test_a_row_goes_as_it_must(row: Row, pair: Pair, played: Played) -> None:
    outcome = played[row.name, pair].result()
    assert not outcome.problems, report(outcome)


def test_every_row_is_chosen_once_and_each_pair_is_there() -> None:
    assert [row.name for row, _ in CHOSEN] == list(BY_NAME)
    assert len(BY_NAME) == len(ROWS)
    for pair in MIXED:
        assert sum(1 for _, chosen in CHOSEN if chosen == pair) >= len(ROWS) // 3


def test_every_usual_error_has_a_reason_and_names_rows_that_there_are() -> None:
    for noise in NOISE:
        assert noise.reason.endswith(".")
        assert any(re.search(noise.rows, name) for name in BY_NAME)
