"""The shares of workspaces in this process, taken by each request once its workspace is known."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from flask import Flask, current_app, g

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
    Resource.QUERIES: "Too many segments or previews are running; try again when one of them has ended.",
    Resource.EXPORTS: "Too many exports are running; try again when one of them has ended.",
    Resource.IMPORTS: "Too many imports are running; try again when one of them has ended.",
}
#: Retry-After in seconds.
BUSY_S = {Resource.THREADS: 1, Resource.QUERIES: 2, Resource.EXPORTS: 10, Resource.IMPORTS: 2}


def register_shares(flask: Flask, settings: Settings) -> None:
    """Give *flask* the shares of its process, and each request a time budget."""
    threads = part_of(settings.web_threads, settings.workspace_share_percent)
    flask.extensions[NAME] = {
        Resource.THREADS: Shares(Resource.THREADS, each=threads),
        Resource.QUERIES: _halved_beside_others(Resource.QUERIES, settings.workspace_queries),
        Resource.EXPORTS: _halved_beside_others(Resource.EXPORTS, settings.workspace_exports),
        # An import is the counterpart of an export: a stream that takes a thread for minutes.
        Resource.IMPORTS: _halved_beside_others(Resource.IMPORTS, settings.workspace_exports),
    }
    flask.before_request(_begin_request)
    flask.teardown_request(_end_request)


def _halved_beside_others(resource: Resource, each: int) -> Shares:
    return Shares(resource, each=each, in_all=FULL_SHARES * each, beside_others=max(1, each // 2))


def take_share(resource: Resource, stack: ExitStack) -> None:
    """Count this request as a use of *resource* until *stack* ends; raise Overloaded above the workspace's share."""
    shares, workspace_id = _shares(resource), g.workspace_id
    if not shares.take(workspace_id):
        raise Overloaded(BUSY[resource], retry_after_s=BUSY_S[resource])
    stack.callback(shares.give_back, workspace_id)


def take_thread() -> None:
    """Count the thread of this request for its workspace until the request ends. Raises Overloaded."""
    if "shares" not in g:
        g.shares = ExitStack()
        take_share(Resource.THREADS, g.shares)


@contextmanager
def query_share() -> Iterator[None]:
    """Count a block as a query that may take seconds. Raises Overloaded above the workspace's share."""
    with ExitStack() as stack:
        take_share(Resource.QUERIES, stack)
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


def _end_request(_: BaseException | None) -> None:
    begin_budget(None)
    if "shares" in g:
        g.shares.close()
