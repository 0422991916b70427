"""Counts requests in fixed windows, on a Redis that all processes share, or in this process."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from limits.storage import MemoryStorage, RedisSentinelStorage, RedisStorage

from app.broker_url import MEMORY, SENTINEL, parse_broker_url
from app.metrics.http import UNCOUNTED_REQUESTS
from app.rates.breaker import CircuitBreaker
from app.rates.buckets import Limit

log = logging.getLogger(__name__)

PREFIX = "mergelane:rate"
#: Timeout in seconds of each step of a Redis request; a healthy server needs less than 0.001.
TIMEOUT_S = 0.2
#: Seconds between two tries while Redis does not answer.
PAUSE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitStatus:
    """The state of a bucket after a counted request."""

    limit: Limit
    #: Requests that the window still allows.
    remaining: int
    #: Start of the next window, in seconds since the epoch.
    resets_at: int
    refused: bool
    #: Seconds until the next window.
    retry_after: int


class FixedWindowLimiter:
    """Counts requests; while Redis does not answer, all requests are accepted uncounted.

    *url* is that of the broker; when it is no Redis, this process counts its own requests. *installation* returns the
    name of the installation: others on the same Redis count their own workspaces, which have the same numbers.
    """

    def __init__(
        self,
        url: str,
        *,
        installation: Callable[[], str] = str,
        clock: Callable[[], float] = time.time,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        self._installation = installation
        self._clock = clock
        self._breaker = breaker or CircuitBreaker(PAUSE_S)
        self._storage = _storage(url)
        self._lock = Lock()
        #: Uncounted requests since the process started.
        self.uncounted = 0

    @property
    def shared(self) -> bool:
        """Whether other processes share the counts."""
        return not isinstance(self._storage, MemoryStorage)

    def count_request(self, limit: Limit, *, workspace_id: int) -> LimitStatus:
        """Count one request of the workspace against *limit*."""
        return self.count_request_of(str(workspace_id), limit)

    def count_request_of(self, client: str, limit: Limit) -> LimitStatus:
        """Count one request of a *client* without a workspace against *limit*."""
        now = self._clock()
        window = int(now // limit.seconds)
        counted = self._increment(f"{client}:{limit.bucket}:{limit.seconds}:{window}", limit.seconds)
        resets_at = (window + 1) * limit.seconds
        return LimitStatus(
            limit=limit,
            remaining=max(0, limit.requests - counted),
            resets_at=resets_at,
            refused=counted > limit.requests,
            retry_after=max(1, round(resets_at - now)),
        )

    def _increment(self, key: str, seconds: int) -> int:
        """Return the counted requests of *key*, this one included; 0 when Redis does not answer."""
        own_key = f"{PREFIX}:{self._installation()}:{key}"
        if self._breaker.may_try():
            try:
                counted = self._storage.incr(own_key, seconds)
            except self._storage.base_exceptions as error:
                if self._breaker.failed():
                    log.warning("rate_limits_suspended", extra={"error": type(error).__name__})
            else:
                if self._breaker.worked():
                    log.warning("rate_limits_in_force", extra={"uncounted": self.uncounted})
                return counted
        with self._lock:
            self.uncounted += 1
        UNCOUNTED_REQUESTS.inc()
        return 0


def _storage(url: str) -> MemoryStorage | RedisStorage:
    """Return the storage at *url*, which connects at its first use and never retries; memory when that is no Redis."""
    parsed = None if url in {"", MEMORY} else parse_broker_url(url)
    if parsed is None or not parsed.is_redis:
        return MemoryStorage()
    timeouts: dict[str, Any] = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    if parsed.scheme != SENTINEL:
        return RedisStorage(parsed.for_redis_client(), **timeouts)
    servers = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in parsed.servers)
    # Without None here the storage would send the credentials of the Redis to the Sentinels.
    of_sentinels = {"username": None, "password": None, **timeouts, **parsed.sentinel_arguments()}
    credentials = {"username": parsed.username or None, "password": parsed.password or None}
    options: dict[str, Any] = {"sentinel_kwargs": of_sentinels, "db": int(parsed.database), **credentials, **timeouts}
    return RedisSentinelStorage(f"redis+sentinel://{servers}", service_name=parsed.options["master_name"], **options)
