"""Requests counted in windows of the clock, on a Redis that all processes share, or in this process alone."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from urllib.parse import parse_qsl, urlencode, urlsplit

from limits.storage import MemoryStorage, RedisStorage

from app.metrics.http import UNCOUNTED_REQUESTS
from app.rates.breaker import Breaker
from app.rates.buckets import Limit

LOG = logging.getLogger(__name__)

PREFIX = "mergelane:rate"
MEMORY = "memory://"
#: Seconds that one step of asking Redis may take; a healthy one answers in less than a thousandth.
TIMEOUT_S = 0.2
#: Seconds between two tries of a Redis that does not answer.
PAUSE_S = 2.0
SUSPENDED = "Rate limits are suspended: Redis does not take the counts"
IN_FORCE = "Rate limits are in force again"
#: The storage's schemes by the broker's.
SCHEMES = {"redis": "redis", "rediss": "rediss", "redis+socket": "redis+unix", "unix": "redis+unix"}
#: Parts of a broker URL's query that a plain client of Redis understands, under its names for them.
OPTIONS = {"db": "db", "virtual_host": "db"} | {
    name: name for name in ("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Where a bucket stands after a request was counted."""

    limit: Limit
    #: Requests that the window still takes.
    remaining: int
    #: When the next window begins, in seconds since the epoch.
    resets_at: int
    refused: bool
    #: Seconds until the next window begins.
    retry_after: int


class Windows:
    """Counts requests. When Redis does not answer, every request is let in uncounted: the door stays open.

    *url* is a broker's; where that is no Redis, this process counts by itself.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.time, breaker: Breaker | None = None) -> None:
        self._url = storage_url(url)
        self._clock = clock
        self._breaker = breaker or Breaker(PAUSE_S)
        self._storage = _storage(self._url)
        self._lock = Lock()
        #: Requests that were let in uncounted since the process began.
        self.uncounted = 0

    @property
    def shared(self) -> bool:
        """Whether other processes count in the same place."""
        return self._url != MEMORY

    def count(self, limit: Limit, *, workspace_id: int) -> Reading:
        """Count one request of the workspace against *limit* and return where its bucket stands now."""
        return self.count_of(str(workspace_id), limit)

    def count_of(self, whose: str, limit: Limit) -> Reading:
        """Count one request of somebody who has no workspace yet against *limit*, and return where that stands now."""
        now = self._clock()
        window = int(now // limit.seconds)
        counted = self._increment(f"{whose}:{limit.bucket}:{limit.seconds}:{window}", limit.seconds)
        resets_at = (window + 1) * limit.seconds
        return Reading(
            limit=limit,
            remaining=max(0, limit.requests - counted),
            resets_at=resets_at,
            refused=counted > limit.requests,
            retry_after=max(1, round(resets_at - now)),
        )

    def _increment(self, key: str, seconds: int) -> int:
        """Return the requests counted under *key* with this one, or 0 when they cannot be counted."""
        if self._breaker.may_try():
            try:
                counted = self._storage.incr(f"{PREFIX}:{key}", seconds)
            except self._storage.base_exceptions as error:
                if self._breaker.failed():
                    LOG.warning(SUSPENDED, extra={"error": type(error).__name__})
            else:
                if self._breaker.worked():
                    LOG.warning(IN_FORCE, extra={"uncounted": self.uncounted})
                return counted
        with self._lock:
            self.uncounted += 1
        UNCOUNTED_REQUESTS.add()
        return 0


def storage_url(url: str) -> str:
    """Return the broker's *url* as the storage takes it; this process's memory where the broker is no Redis."""
    parts = urlsplit(url)
    scheme = SCHEMES.get(parts.scheme)
    if scheme is None:
        return MEMORY
    query = {OPTIONS[name]: value for name, value in parse_qsl(parts.query) if name in OPTIONS}
    if "ssl_cert_reqs" in query:  # Celery takes the names of Python's ssl module, such as CERT_REQUIRED
        query["ssl_cert_reqs"] = query["ssl_cert_reqs"].lower().removeprefix("cert_")
    return f"{scheme}://{parts.netloc}{parts.path}{'?' if query else ''}{urlencode(query)}"


def _storage(url: str) -> MemoryStorage | RedisStorage:
    """Return the storage at *url*. It connects when first used, and never tries twice: one try is long enough."""
    if url == MEMORY:
        return MemoryStorage()
    return RedisStorage(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
