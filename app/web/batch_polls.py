"""Shared queries of the requests that wait for a batch: one query covers all of a workspace in this process.

Each request polls at its own growing intervals. If another request has queried since its last poll, it takes that
result. The more requests wait, the older a result they take, so that many of them do not query more often than one.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from uuid import UUID

#: Seconds, for each waiting request of a workspace, for which the result of a query is used again.
REUSE_S = 0.004
#: Returns those of the batches that have an unfinished job.
FindUnfinished = Callable[[Sequence[UUID]], Collection[UUID]]


class _SharedQuery:
    """A query for several batches; the requests that did not send it wait for its result."""

    def __init__(self, batch_ids: Sequence[UUID], *, began: float) -> None:
        self.began = began
        self._batch_ids = batch_ids
        self._finished: Future[frozenset[UUID]] = Future()

    def send(self, find_unfinished: FindUnfinished) -> None:
        """Send the query. Its error is raised by `finished`, in each request that waits for it."""
        try:
            self._finished.set_result(frozenset(self._batch_ids) - frozenset(find_unfinished(self._batch_ids)))
        except BaseException as error:  # noqa: BLE001  finished() raises it
            self._finished.set_exception(error)

    def finished(self) -> frozenset[UUID]:
        """Wait for the result: those of the batches that have finished."""
        return self._finished.result()


class _WaitingRequests:
    """The batches for which requests of one workspace wait, and the last query for them."""

    def __init__(self) -> None:
        self.batches = Counter[UUID]()
        self.query: _SharedQuery | None = None


class BatchPolls:
    """The requests of this process that wait for a batch, by workspace."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._workspaces: dict[int, _WaitingRequests] = {}
        self._lock = Lock()

    @contextmanager
    def join(self, workspace_id: int, batch_id: UUID, find_unfinished: FindUnfinished) -> Iterator[Callable[[], bool]]:
        """Let one more request wait for a batch during the block; yield a function that returns whether it finished.

        The function calls *find_unfinished*, unless another request has done so since the function returned last, or
        within REUSE_S for each waiting request. It raises the error of that query.
        """
        with self._lock:
            waiting = self._workspaces.setdefault(workspace_id, _WaitingRequests())
            waiting.batches[batch_id] += 1
        polled_at = self._clock()

        def is_finished() -> bool:
            nonlocal polled_at
            finished = self._finished(waiting, find_unfinished, since=polled_at)
            polled_at = self._clock()
            return batch_id in finished

        try:
            yield is_finished
        finally:
            with self._lock:
                waiting.batches -= Counter([batch_id])
                if not waiting.batches:
                    del self._workspaces[workspace_id]

    def _finished(self, waiting: _WaitingRequests, find_unfinished: FindUnfinished, *, since: float) -> frozenset[UUID]:
        """Return the finished batches by a query that began after *since*, or a little before now."""
        with self._lock:
            query, is_new, now = waiting.query, False, self._clock()
            if query is None or query.began < min(since, now - REUSE_S * waiting.batches.total()):
                query, is_new = _SharedQuery(tuple(waiting.batches), began=now), True
                waiting.query = query
        if is_new:
            query.send(find_unfinished)
        return query.finished()
