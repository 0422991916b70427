"""What a merge takes in statements, round trips, Redis commands, messages and WAL does not grow unseen.

None of this hangs on the machine: the relay finds the same backlog each time and packs the same lanes.
"""

import re

import pytest

from bench.ground import Ground
from bench.parts.counts import Counts, count

#: For 1,000 merges from a backlog, the least and the most: less is no fault, but then the bound is to follow.
BOUNDS = {
    "statements": (700, 1_590),
    "round_trips": (300, 610),
    "redis_commands": (400, 1_000),
    "messages": (20, 80),
    "wal_bytes": (3_000_000, 12_600_000),
}
#: The first statement of a round of one of the relay's services.
LOOK = re.compile(r"relay: (publishable_workspaces|workspaces_\w+|analyze_changed_tables)$")


@pytest.fixture(scope="module")
def counts(bench_ground: Ground) -> Counts:
    """What 1,000 merges took."""
    return count(bench_ground)


def count_looks(counts: Counts) -> float:
    """Return the looks of the relay's services for work, by the clock: a slow machine has more of them meanwhile."""
    return sum(number for name, number in counts.statements.items() if LOOK.match(name))


@pytest.mark.parametrize("what", BOUNDS)
def test_a_thousand_merges_take_no_more_than_they_did(counts: Counts, what: str) -> None:
    least, most = BOUNDS[what]
    looks = count_looks(counts) if what in {"statements", "round_trips"} else 0
    found = round(counts.per_thousand[what] - looks)

    assert least <= found <= most, f"1,000 merges took {found:,} {what}: {counts.to_json()}"


def test_every_part_of_the_product_was_seen(counts: Counts) -> None:
    assert counts.round_trips.keys() == {"web", "relay", "worker"}
    assert counts.statements["web: insert_batch"] == 20
    assert counts.statements["worker: record_results"] == counts.messages
    assert counts.redis_commands["lpush"] == counts.messages
