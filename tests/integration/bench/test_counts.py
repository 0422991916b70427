"""What a merge takes in statements, round trips, Redis commands, messages and WAL does not grow unseen.

None of this hangs on the machine: the relay finds the same backlog each time and packs the same lanes.
"""

import pytest

from bench.ground import Ground
from bench.parts.counts import Counts, count

#: For 1,000 merges from a backlog, the least and the most: less is no fault, but then the bound is to follow.
BOUNDS = {
    "statements": (700, 1_610),
    "round_trips": (300, 620),
    "redis_commands": (400, 1_000),
    "messages": (20, 80),
    "wal_bytes": (3_000_000, 12_600_000),
}


@pytest.fixture(scope="module")
def counts(bench_ground: Ground) -> Counts:
    """What 1,000 merges took."""
    return count(bench_ground)


@pytest.mark.parametrize("what", BOUNDS)
def test_a_thousand_merges_take_no_more_than_they_did(counts: Counts, what: str) -> None:
    least, most = BOUNDS[what]
    # The relay looks for work by the clock, so a slow machine has more of these looks in a thousand merges.
    looks = counts.statements["relay: publishable_workspaces"] if what in {"statements", "round_trips"} else 0
    found = round(counts.per_thousand[what] - looks)

    assert least <= found <= most, f"1,000 merges took {found:,} {what}: {counts.to_json()}"


def test_every_part_of_the_product_was_seen(counts: Counts) -> None:
    assert counts.round_trips.keys() == {"web", "relay", "worker"}
    assert counts.statements["web: insert_batch"] == 20
    assert counts.statements["worker: record_results"] == counts.messages
    assert counts.redis_commands["lpush"] == counts.messages
