"""Shared queries of the requests that wait for a batch: one query covers all of a workspace in this process.

Each request polls at its own growing intervals. If another request has queried since its last poll, it takes that
result. So the number of queries does not grow with the number of waiting requests.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from uuid import UUID

#: Returns those of the batches that have an unfinished job.
FindUnfinished = Callable[[Sequence[UUID]], Collection[UUID]]


class _SharedQuery:
    """A query for several batches; the requests that did not send it wait for its result."""

    def __init__(self, batch_ids: Sequence[UUID]) -> None:
        self.began = monotonic()
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

    def __init__(self) -> None:
        self._workspaces: dict[int, _WaitingRequests] = {}
        self._lock = Lock()

    @contextmanager
    def join(self, workspace_id: int, batch_id: UUID, find_unfinished: FindUnfinished) -> Iterator[Callable[[], bool]]:
        """Let one more request wait for a batch during the block; yield a function that returns whether it finished.

        The function calls *find_unfinished*, unless another request has done so since the function returned last. It
        raises the error of that query.
        """
        with self._lock:
            waiting = self._workspaces.setdefault(workspace_id, _WaitingRequests())
            waiting.batches[batch_id] += 1
        polled_at = monotonic()

        def is_finished() -> bool:
            nonlocal polled_at
            finished = self._finished(waiting, find_unfinished, since=polled_at)
            polled_at = monotonic()
            return batch_id in finished

        try:
            yield is_finished
        finally:
            with self._lock:
                waiting.batches -= Counter([batch_id])
                if not waiting.batches:
                    del self._workspaces[workspace_id]

    def _finished(self, waiting: _WaitingRequests, find_unfinished: FindUnfinished, *, since: float) -> frozenset[UUID]:
        """Return the finished batches by a query that began after *since*, a time of monotonic()."""
        with self._lock:
            query, is_new = waiting.query, False
            if query is None or query.began < since:
                query, is_new = _SharedQuery(tuple(waiting.batches)), True
                waiting.query = query
        if is_new:
            query.send(find_unfinished)
        return query.finished()
