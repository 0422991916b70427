"""Requests are counted on a real Redis, which may be unavailable."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.rates.breaker import CircuitBreaker
from app.rates.buckets import Bucket, Limit
from app.rates.windows import PREFIX, FixedWindowLimiter
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until

DAY = Limit(Bucket.USERS, 1_000, 86_400)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the log events about limits."""
    return [record.message for record in caplog.records if record.name == "app.rates.windows"]


def test_processes_share_their_counts(broker_url: str) -> None:
    one, two = FixedWindowLimiter(broker_url), FixedWindowLimiter(broker_url)
    readings = [each.count_request(DAY, workspace_id=1) for each in (one, two, one)]

    assert [reading.remaining for reading in readings] == [999, 998, 997]


def test_no_request_is_lost_or_counted_twice(broker_url: str) -> None:
    limiter = FixedWindowLimiter(broker_url)
    with ThreadPoolExecutor(8) as threads:
        readings = list(threads.map(lambda _: limiter.count_request(DAY, workspace_id=1), range(200)))

    assert sorted(reading.remaining for reading in readings) == list(range(800, 1_000))


def test_a_count_expires_with_its_window(redis_server: RedisServer) -> None:
    limiter = FixedWindowLimiter(redis_server.url)
    limiter.count_request(Limit(Bucket.TRACK, 5, 3), workspace_id=7)
    with redis_server.client() as client:
        (key,) = client.keys(f"*{PREFIX}*")
        left = client.ttl(key)

    assert 0 < left <= 3


def test_without_redis_no_request_is_refused_and_one_line_is_logged(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    limiter = FixedWindowLimiter(own_redis.url)
    own_redis.stop()
    readings = [limiter.count_request(Limit(Bucket.USERS, 1, 60), workspace_id=1) for _ in range(5)]

    assert not any(reading.refused for reading in readings)
    assert {reading.remaining for reading in readings} == {1}
    assert limiter.uncounted == 5
    assert lines(caplog) == ["rate_limits_suspended"]


def test_a_redis_that_hangs_delays_only_one_request(own_redis: RedisServer) -> None:
    limiter = FixedWindowLimiter(own_redis.url, breaker=CircuitBreaker(600))
    limiter.count_request(DAY, workspace_id=1)
    own_redis.freeze()
    try:
        began = time.monotonic()
        for _ in range(100):
            limiter.count_request(DAY, workspace_id=1)
        seconds = time.monotonic() - began
    finally:
        own_redis.thaw()

    assert seconds < 1
    assert limiter.uncounted == 100


def test_the_limits_hold_again_when_redis_is_back(own_redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    limiter = FixedWindowLimiter(own_redis.url, breaker=CircuitBreaker(0.05))
    own_redis.kill()
    limiter.count_request(DAY, workspace_id=1)
    own_redis.start()
    reading = wait_until(
        lambda: next((one for one in [limiter.count_request(DAY, workspace_id=1)] if one.remaining < 1_000), None),
        what="requests to be counted again",
    )

    assert reading.remaining == 999
    assert lines(caplog) == ["rate_limits_suspended", "rate_limits_in_force"]
