"""Shares: how much of a process one workspace may use at once, so that something is left for the others."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from time import monotonic

from app.errors import DatabaseUnavailable
from app.metrics.shares import REFUSED, USED, Resource

LOG = logging.getLogger(__name__)

#: The cause of the error when a workspace uses its whole share of connections.
SHARE_USED = "share_used"
ALL_PERCENT = 100
#: Seconds between two lines of the log about the same workspace and resource.
LOG_EVERY_S = 60.0


class Shares:
    """The use of one resource of this process, by workspace."""

    def __init__(self, resource: Resource, *, each: int, in_all: int) -> None:
        """Let a workspace use up to *each* at once, and all workspaces together up to *in_all*."""
        self.each = each
        self._resource = resource
        self._in_all = in_all
        self._used: Counter[int] = Counter()
        self._changed = Condition()
        self._logged: dict[int, float] = {}

    def take(self, workspace_id: int, *, wait_s: float = 0.0) -> bool:
        """Return whether one was free for the workspace within *wait_s* seconds; the caller gives it back."""
        deadline = monotonic() + wait_s
        with self._changed:
            while not self._is_free(workspace_id):
                left = deadline - monotonic()
                if left <= 0 or not self._changed.wait(left):
                    self._note_refusal(workspace_id)
                    return False
            self._used[workspace_id] += 1
        USED.inc(1, self._resource)
        return True

    def give_back(self, workspace_id: int) -> None:
        """Give one back that was taken."""
        with self._changed:
            self._used[workspace_id] -= 1
            if not self._used[workspace_id]:
                del self._used[workspace_id]
            self._changed.notify_all()
        USED.inc(-1, self._resource)

    def _is_free(self, workspace_id: int) -> bool:
        return self._used[workspace_id] < self.each and self._used.total() < self._in_all

    def _note_refusal(self, workspace_id: int) -> None:
        """Count a refusal, and log it with the workspace now and then: metrics have no series for each workspace."""
        REFUSED.inc(1, self._resource)
        now = monotonic()
        if now - self._logged.get(workspace_id, -LOG_EVERY_S) >= LOG_EVERY_S:
            self._logged = {each: at for each, at in self._logged.items() if now - at < LOG_EVERY_S} | {
                workspace_id: now
            }
            LOG.warning("share_refused", extra={"workspace_id": workspace_id, "resource": self._resource})


class ConnectionShares:
    """The shares of a pool's connections. A thread waits for a connection of its workspace's share."""

    def __init__(self, *, pool_size: int, percent: int, wait_s: float) -> None:
        self._shares = Shares(Resource.CONNECTIONS, each=part_of(pool_size, percent), in_all=pool_size)
        self._wait_s = wait_s

    @contextmanager
    def lend(self, workspace_id: int) -> Iterator[None]:
        """Count a connection for the workspace until the block ends. Raises DatabaseUnavailable after the wait."""
        if not self._shares.take(workspace_id, wait_s=self._wait_s):
            raise DatabaseUnavailable(
                "The workspace uses its whole share of the connections to PostgreSQL; try again in a few seconds.",
                cause=SHARE_USED,
            )
        try:
            yield
        finally:
            self._shares.give_back(workspace_id)


def part_of(whole: int, percent: int) -> int:
    """Return *percent* of *whole*: at least 1, and below 100 percent less than *whole* where that is possible."""
    return whole if percent >= ALL_PERCENT else max(1, min(whole * percent // ALL_PERCENT, whole - 1))
