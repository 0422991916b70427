"""The cache of expensive reads: the lifetime of a value, and the caller that reads the next one."""

import pytest

from app.adaptive_cache import PAUSE_TO_READ, AdaptiveCache


class Clock:
    """A clock that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> AdaptiveCache[str, int | None]:
    return AdaptiveCache(shortest_s=2.0, longest_s=300.0, drop_when_due=True, clock=clock)


@pytest.mark.parametrize(("took_s", "kept_s"), [(0.0, 2.0), (1.0, PAUSE_TO_READ * 1.0), (60.0, 300.0)])
def test_a_value_is_kept_the_longer_the_longer_its_read_took(
    cache: AdaptiveCache[str, int | None], clock: Clock, took_s: float, kept_s: float
) -> None:
    def read() -> int:
        clock.now += took_s
        return 7

    assert cache.get("a", read) == 7
    clock.now += kept_s - 0.1
    assert cache.get("a", lambda: 8) == 7
    clock.now += 0.2
    assert cache.get("a", lambda: 8) == 8


def test_a_failed_read_is_repeated_after_the_shortest_pause(
    cache: AdaptiveCache[str, int | None], clock: Clock
) -> None:
    def read() -> None:
        clock.now += 10

    assert cache.get("a", read) is None
    clock.now += 2.0
    assert cache.get("a", lambda: 8) == 8


def test_one_caller_claims_the_refresh(cache: AdaptiveCache[str, int | None], clock: Clock) -> None:
    assert [cache.claim_refresh("a") for _ in range(2)] == [True, False]
    clock.now += 300.0
    assert cache.claim_refresh("a")


def test_values_that_are_due_make_room(cache: AdaptiveCache[str, int | None], clock: Clock) -> None:
    cache.get("a", lambda: 1)
    clock.now += 5
    cache.get("b", lambda: 2)

    assert (cache.peek("a"), cache.peek("b")) == (None, 2)


def test_an_error_of_a_read_is_raised_and_not_kept(cache: AdaptiveCache[str, int | None]) -> None:
    def broken() -> int:
        raise ValueError("So.")

    with pytest.raises(ValueError, match="So"):
        cache.get("a", broken)
    assert cache.get("a", lambda: 3) == 3
