"""The counts of a merge have bounds: statements, round trips, Redis commands, WAL, rows and index entries.

No count depends on the machine: the relay finds the same backlog each time and packs the same lanes. Statements by the
clock are left out, because a slow machine needs more rounds.
"""

import re

import pytest

from bench.ground import Ground
from bench.parts.counts import Counts, count

#: Minimum and maximum for 1,000 merges from a backlog. After an improvement, lower the bound.
BOUNDS = {
    "worker statements": (700, 1_340),
    # Accepting a batch is three statements in one round trip: Citus refuses an INSERT within WITH.
    "web statements": (60, 160),
    "worker round trips": (200, 465),
    "web round trips": (40, 95),
    "redis commands": (400, 690),
    "messages": (20, 70),
    "WAL bytes": (3_000_000, 12_200_000),
    "rows written": (5_000, 10_600),
    "index entries": (5_000, 36_900),
}
#: Statements by the clock: the heartbeats of the processes.
BY_THE_CLOCK = re.compile(r"\w+: beat$")
#: The Redis commands of requests, messages and events. The others are by the clock, as those of a worker that waits.
OF_MERGES = frozenset({"incrby", "lpush", "zadd", "hset", "zrem", "hdel", "publish", "multi", "exec"})


@pytest.fixture(scope="module")
def counts(bench_ground: Ground) -> Counts:
    """Return the counts of 1,000 merges."""
    return count(bench_ground)


@pytest.fixture(scope="module")
def found(counts: Counts) -> dict[str, float]:
    """Return the bounded figures, without images of whole pages, which depend on the last checkpoint."""
    per_thousand = counts.per_thousand
    statements = {name: number for name, number in counts.statements.items() if not BY_THE_CLOCK.match(name)}
    by_role = {
        role: sum(number for name, number in statements.items() if name.startswith(role)) for role in ("worker", "web")
    }
    return {
        **{f"{role} statements": number for role, number in by_role.items()},
        **{f"{role} round trips": counts.round_trips[role] for role in by_role},
        "redis commands": sum(number for name, number in counts.redis_commands.items() if name in OF_MERGES),
        "messages": per_thousand["messages"],
        "WAL bytes": per_thousand["wal_bytes"] - per_thousand["wal_image_bytes"],
        "rows written": per_thousand["rows_written"],
        "index entries": per_thousand["index_entries"],
    }


@pytest.mark.parametrize("what", BOUNDS)
def test_the_counts_of_a_thousand_merges_are_within_their_bounds(
    counts: Counts, found: dict[str, float], what: str
) -> None:
    least, most = BOUNDS[what]

    assert least <= found[what] <= most, f"1,000 merges took {found[what]:,.0f} {what}: {counts.to_json()}"


def test_every_part_of_the_product_was_counted(counts: Counts) -> None:
    assert counts.round_trips.keys() == {"web", "relay", "worker"}
    assert counts.statements["web: insert_batch"] == 20
    assert counts.statements["worker: record_results"] == counts.messages
    assert counts.redis_commands["lpush"] == counts.messages
    assert counts.written.rows["merge_record"] == counts.merges
    assert counts.written.rows["profile"] == 2 * counts.merges
