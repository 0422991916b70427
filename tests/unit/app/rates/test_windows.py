"""Counts requests in fixed windows, in memory; and selects the storage from the URL."""

import pytest

from app.rates.buckets import Bucket, Limit
from app.rates.windows import FixedWindowLimiter

MINUTE = 1_799_999_940
"""The start of a minute, in seconds since the epoch."""
LIMIT = Limit(Bucket.USERS, 3, 60)


class Clock:
    """A clock that the test sets."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(MINUTE + 12.5)


@pytest.fixture
def windows(clock: Clock) -> FixedWindowLimiter:
    return FixedWindowLimiter("", clock=clock)


def test_each_request_reduces_the_remaining_count_until_requests_are_refused(windows: FixedWindowLimiter) -> None:
    readings = [windows.count_request(LIMIT, workspace_id=1) for _ in range(5)]

    assert [reading.remaining for reading in readings] == [2, 1, 0, 0, 0]
    assert [reading.refused for reading in readings] == [False, False, False, True, True]


def test_a_window_ends_with_the_minute_of_the_clock(windows: FixedWindowLimiter, clock: Clock) -> None:
    first = windows.count_request(LIMIT, workspace_id=1)
    clock.now = MINUTE + 59.99
    same = windows.count_request(LIMIT, workspace_id=1)
    clock.now = MINUTE + 60
    fresh = windows.count_request(LIMIT, workspace_id=1)

    assert (first.resets_at, same.resets_at, fresh.resets_at) == (MINUTE + 60, MINUTE + 60, MINUTE + 120)
    assert (first.remaining, same.remaining, fresh.remaining) == (2, 1, 2)


def test_retry_after_is_the_seconds_until_the_next_window_and_never_zero(
    windows: FixedWindowLimiter, clock: Clock
) -> None:
    seconds = []
    for clock.now in (MINUTE, MINUTE + 12.4, MINUTE + 59.9):
        seconds.append(windows.count_request(LIMIT, workspace_id=1).retry_after)

    assert seconds == [60, 48, 1]


def test_workspaces_and_buckets_have_separate_counts(windows: FixedWindowLimiter) -> None:
    other = Limit(Bucket.TRACK, 3, 60)
    readings = [
        windows.count_request(LIMIT, workspace_id=1),
        windows.count_request(LIMIT, workspace_id=2),
        windows.count_request(other, workspace_id=1),
    ]

    assert [reading.remaining for reading in readings] == [2, 2, 2]


@pytest.mark.parametrize(
    ("url", "shared"),
    [
        ("", False),
        ("memory://", False),
        ("amqp://guest:guest@rabbit//", False),
        ("redis://redis:6379/0", True),
        ("rediss://:secret@redis/2?ssl_cert_reqs=CERT_NONE", True),
        ("redis+socket:///run/a%20b/r.sock?virtual_host=3", True),
        ("sentinel://:secret@one:1,two/0?master_name=main", True),
    ],
)
def test_processes_share_the_counts_of_a_redis(url: str, shared: bool) -> None:
    assert FixedWindowLimiter(url).shared is shared
