"""The shares of workspaces in this process, taken by each request once its workspace is known."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from flask import Flask, Response, current_app, g

from app.config import Settings
from app.db.budget import begin_budget
from app.errors import Overloaded
from app.metrics.shares import Resource
from app.shares import Shares, part_of
from app.web.resources import settings

NAME = "mergelane-shares"
#: Queries, exports and imports of all workspaces together, in shares of one.
FULL_SHARES = 2
BUSY = {
    Resource.THREADS: "Too many requests of this workspace are running; try again when one of them has ended.",
    Resource.RUNNING: "The requests of this workspace take long; try again when one of them has ended.",
    Resource.QUERIES: "Too many segments or previews are running; try again when one of them has ended.",
    Resource.EXPORTS: "Too many exports are running; try again when one of them has ended.",
    Resource.IMPORTS: "Too many imports are running; try again when one of them has ended.",
}
#: Retry-After in seconds.
BUSY_S = {
    Resource.THREADS: 1,
    Resource.RUNNING: 1,
    Resource.QUERIES: 2,
    Resource.EXPORTS: 10,
    Resource.IMPORTS: 2,
}


def register_shares(flask: Flask, settings: Settings) -> None:
    """Give *flask* the shares of its process, and each request a time budget."""
    threads = part_of(settings.web_threads, settings.workspace_share_percent)
    flask.extensions[NAME] = {
        Resource.THREADS: Shares(Resource.THREADS, each=threads),
        Resource.RUNNING: Shares(
            Resource.RUNNING,
            each=settings.web_threads,
            # Each one that runs makes the requests of others slower: they share an interpreter and processors.
            beside_others=max(
                1,
                part_of(settings.pool_size, settings.workspace_share_beside_others_percent) // settings.web_processes,
            ),
        ),
        Resource.QUERIES: _halved_beside_others(Resource.QUERIES, settings.workspace_queries),
        Resource.EXPORTS: _halved_beside_others(Resource.EXPORTS, settings.workspace_exports),
        # An import is the counterpart of an export: a stream that takes a thread for minutes.
        Resource.IMPORTS: _halved_beside_others(Resource.IMPORTS, settings.workspace_exports),
    }
    flask.before_request(_begin_request)
    flask.after_request(_end_running)
    flask.teardown_request(_end_request)


def _halved_beside_others(resource: Resource, each: int) -> Shares:
    return Shares(resource, each=each, in_all=FULL_SHARES * each, beside_others=max(1, each // 2))


def take_share(resource: Resource, stack: ExitStack, *, wait_s: float = 0.0) -> None:
    """Count this request as a use of *resource* until *stack* ends.

    Raises Overloaded if the workspace still uses its whole share after *wait_s* seconds.
    """
    shares, workspace_id = _shares(resource), g.workspace_id
    if not shares.take(workspace_id, wait_s=wait_s):
        raise Overloaded(BUSY[resource], retry_after_s=BUSY_S[resource])
    stack.callback(shares.give_back, workspace_id)


def take_thread() -> None:
    """Count the thread of this request for its workspace until the request ends, and wait until the request may run.

    Raises Overloaded.
    """
    if "shares" not in g:
        g.shares, g.running = ExitStack(), ExitStack()
        take_share(Resource.THREADS, g.shares)
        take_share(Resource.RUNNING, g.running, wait_s=settings().pool_timeout_s)


def stop_running() -> None:
    """Let another request of the workspace run: this one has little left to do but to wait or to send."""
    if "running" in g:
        g.running.close()


@contextmanager
def query_share() -> Iterator[None]:
    """Count a block as a query that may take seconds. Raises Overloaded above the workspace's share."""
    with ExitStack() as stack:
        take_share(Resource.QUERIES, stack)
        # It has a share of its own, so that it does not stop the short requests of its workspace.
        stop_running()
        yield


def threads_of_a_workspace() -> int:
    """Return how many threads of this process one workspace may use at once."""
    return _shares(Resource.THREADS).each


def budget_s() -> float:
    """Return the seconds that all statements of a request may take together."""
    return settings().statement_timeout_ms / 1000


def _shares(resource: Resource) -> Shares:
    shares: Shares = current_app.extensions[NAME][resource]
    return shares


def _begin_request() -> None:
    begin_budget(budget_s())


def _end_running(response: Response) -> Response:
    """Count a response that is streamed by its share of exports alone."""
    stop_running()
    return response


def _end_request(_: BaseException | None) -> None:
    begin_budget(None)
    stop_running()
    if "shares" in g:
        g.shares.close()
