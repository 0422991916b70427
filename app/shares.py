"""Shares: how much of a process one workspace may use at once, so that something is left for the others."""

import logging
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock
from time import monotonic

from app.errors import DatabaseUnavailable
from app.metrics.shares import REFUSED, USED, Resource
from app.process_group import ProcessGroup, Turns

LOG = logging.getLogger(__name__)

#: The cause of the error when a workspace uses its whole share of connections.
SHARE_USED = "share_used"
ALL_PERCENT = 100
#: Seconds between two lines of the log about the same workspace and resource.
LOG_EVERY_S = 60.0


class Shares:
    """The use of one resource of this process, by workspace."""

    def __init__(
        self,
        resource: Resource,
        *,
        each: int,
        in_all: int | None = None,
        beside_others: int | None = None,
        group: ProcessGroup | None = None,
        turns: Turns | None = None,
    ) -> None:
        """Let a workspace use up to *each* at once, and all workspaces together up to *in_all*, if that is not None.

        While other workspaces are active in *group*, by default this process, it is up to *beside_others*, by default
        *each*. With *turns*, it is one in each process, and as many as there are turns in all processes of the group.
        """
        self.each = each
        self._group = ProcessGroup() if group is None else group
        self._turns = turns
        if turns is not None:
            beside_others = 1
        self._beside_others = each if beside_others is None else min(each, beside_others)
        self._resource = resource
        self._in_all = in_all
        self._used: Counter[int] = Counter()
        self._lock = Lock()
        #: The threads of each workspace that wait, in their order. One of them is woken at a time: all together would
        #: take the processor from others, to find that one of them may run.
        self._waiting: dict[int, deque[Event]] = {}
        self._logged: dict[int, float] = {}

    def take(self, workspace_id: int, *, wait_s: float = 0.0) -> bool:
        """Return whether one was free for the workspace within *wait_s* seconds; the caller gives it back."""
        taken = self._take(workspace_id, wait_s)
        if not taken:
            self._note_refusal(workspace_id)
        return taken

    @contextmanager
    def hold(self, workspace_id: int, *, wait_s: float) -> Iterator[None]:
        """Wait up to *wait_s* seconds for one, and keep it until the block ends. The block runs in any case."""
        taken = self._take(workspace_id, wait_s)
        try:
            yield
        finally:
            if taken:
                self.give_back(workspace_id)

    def refuses(self, workspace_id: int) -> bool:
        """Return whether the workspace uses its whole share now; if so, count a refusal."""
        if not self.take(workspace_id):
            return True
        self.give_back(workspace_id)
        return False

    def _take(self, workspace_id: int, wait_s: float) -> bool:
        deadline = monotonic() + wait_s
        self._group.note_active(workspace_id)
        waited = self._take_here(workspace_id, deadline)
        if waited is None:
            return False
        if not self._take_turn(workspace_id, deadline, waited=waited):
            self._put_back(workspace_id)
            return False
        USED.inc(1, self._resource)
        return True

    def _take_turn(self, workspace_id: int, deadline: float, *, waited: bool) -> bool:
        if self._turns is None or self._group.is_alone(workspace_id):
            return True
        return self._turns.take(workspace_id, deadline=deadline, waited=waited)

    def _take_here(self, workspace_id: int, deadline: float) -> bool | None:
        """Take one of this process until *deadline*; return whether it waited, None if none was free until then."""
        with self._lock:
            if self._is_free(workspace_id):
                self._used[workspace_id] += 1
                return False
            if monotonic() >= deadline:
                return None
            woken = Event()
            waiting = self._waiting.setdefault(workspace_id, deque())
            waiting.append(woken)
        while True:
            in_time = woken.wait(max(0.0, deadline - monotonic()))
            with self._lock:
                woken.clear()
                taken = self._is_free(workspace_id)
                if not taken and in_time:
                    continue
                waiting.remove(woken)
                if not waiting:
                    del self._waiting[workspace_id]
                if taken:
                    self._used[workspace_id] += 1
                self._wake_next()
                return True if taken else None

    def _wake_next(self) -> None:
        """Wake the thread of each workspace that has waited longest, if it may take one."""
        for workspace_id, waiting in self._waiting.items():
            if self._is_free(workspace_id):
                waiting[0].set()

    def give_back(self, workspace_id: int) -> None:
        """Give one back that was taken."""
        self._put_back(workspace_id)
        USED.inc(-1, self._resource)

    def _put_back(self, workspace_id: int) -> None:
        with self._lock:
            self._used[workspace_id] -= 1
            if not self._used[workspace_id]:
                del self._used[workspace_id]
                if self._turns is not None:
                    self._turns.give_back(workspace_id)
            self._wake_next()

    def _is_free(self, workspace_id: int) -> bool:
        each = self.each if self._group.is_alone(workspace_id) else self._beside_others
        return self._used[workspace_id] < each and (self._in_all is None or self._used.total() < self._in_all)

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

    def __init__(
        self,
        *,
        pool_size: int,
        percent: int,
        beside_others_percent: int,
        wait_s: float,
        group: ProcessGroup | None = None,
    ) -> None:
        each = part_of(pool_size, percent)
        beside_others = part_of(pool_size, beside_others_percent)
        # The pool bounds the connections of all workspaces.
        self._shares = Shares(Resource.CONNECTIONS, each=each, beside_others=beside_others, group=group)
        self._wait_s = wait_s

    @contextmanager
    def lend(self, workspace_id: int) -> Iterator[float]:
        """Count a connection for the workspace until the block ends; yield the seconds that are left to wait for it.

        Raises DatabaseUnavailable after the wait.
        """
        began = monotonic()
        if not self._shares.take(workspace_id, wait_s=self._wait_s):
            raise DatabaseUnavailable(
                "The workspace uses its whole share of the connections to PostgreSQL; try again in a few seconds.",
                cause=SHARE_USED,
            )
        try:
            yield max(0.0, began + self._wait_s - monotonic())
        finally:
            self._shares.give_back(workspace_id)


def part_of(whole: int, percent: int) -> int:
    """Return *percent* of *whole*: at least 1, and below 100 percent less than *whole* where that is possible."""
    return whole if percent >= ALL_PERCENT else max(1, min(whole * percent // ALL_PERCENT, whole - 1))
