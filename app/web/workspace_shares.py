"""The shares of workspaces in this process, taken by each request once its workspace is known."""

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from typing import TypeVar

from flask import Flask, Response, current_app, g, request

from app.config import Settings
from app.db.budget import begin_budget
from app.errors import Overloaded
from app.metrics.shares import Resource
from app.process_group import ProcessGroup, Turns
from app.shares import ALL_PERCENT, Shares, part_of
from app.web.recent_refusals import RecentRefusals
from app.web.resources import resources_of, settings
from app.web.thread_switching import set_switch_interval

T = TypeVar("T")

NAME = "mergelane-shares"
REFUSALS = "mergelane-refusals"
#: Queries, exports and imports of all workspaces together, in shares of one.
FULL_SHARES = 2
#: The processors that a request and its merge keep busy: web or a worker, and PostgreSQL.
PROCESSORS_OF_A_REQUEST = 2
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
#: Refusals that the next request is likely to get too. One that may run soon waits for that instead.
REPEATED = frozenset(Resource) - {Resource.RUNNING, Resource.CONNECTIONS}


def register_shares(flask: Flask, settings: Settings) -> None:
    """Give *flask* the shares of its process, and each request a time budget."""
    flask.extensions[NAME] = _make_shares(settings, resources_of(flask).group)
    flask.extensions[REFUSALS] = RecentRefusals()
    flask.before_request(_begin_request)
    flask.after_request(_end_running)
    flask.teardown_request(_end_request)


def join_group(flask: Flask, group: ProcessGroup) -> None:
    """Make this process a member of *group*; call it before the first request."""
    resources = resources_of(flask)
    resources.group = group
    flask.extensions[NAME] = _make_shares(resources.settings, group)


def _make_shares(settings: Settings, group: ProcessGroup) -> Mapping[Resource, Shares]:
    threads = part_of(settings.web_threads, settings.workspace_share_percent)
    exports = settings.workspace_exports
    return {
        Resource.THREADS: Shares(Resource.THREADS, each=threads, group=group),
        # Each one that runs makes the requests of others slower: they share an interpreter and processors.
        Resource.RUNNING: _divided_beside_others(
            Resource.RUNNING, settings, group, each=settings.web_threads, beside_others=running_beside_others(settings)
        ),
        Resource.QUERIES: _divided_beside_others(
            Resource.QUERIES,
            settings,
            group,
            each=settings.workspace_queries,
            beside_others=settings.workspace_queries // 2,
            in_all=FULL_SHARES * settings.workspace_queries,
        ),
        Resource.EXPORTS: _halved_beside_others(Resource.EXPORTS, group, exports),
        # An import is the counterpart of an export: a stream that takes a thread for minutes.
        Resource.IMPORTS: _halved_beside_others(Resource.IMPORTS, group, exports),
    }


def running_beside_others(settings: Settings) -> int:
    """Return how many requests of a workspace all processes together run while other workspaces are active.

    It leaves others at least half of the processors: a running request and its statement keep one busy.
    """
    percent = settings.workspace_share_beside_others_percent
    running = part_of(settings.pool_size, percent)
    return running if percent >= ALL_PERCENT else min(running, max(1, _processors() // 2))


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def _divided_beside_others(
    resource: Resource,
    settings: Settings,
    group: ProcessGroup,
    *,
    each: int,
    beside_others: int,
    in_all: int | None = None,
) -> Shares:
    """Return shares of *each* in this process, and of *beside_others* in all processes while others are active."""
    processes, turns = settings.web_processes, None
    if beside_others < processes:
        # Without a pause, the requests of one workspace would leave less than what one of another workspace needs.
        pauses = _processors() - running_beside_others(settings) < PROCESSORS_OF_A_REQUEST
        turns = Turns(group, resource=list(Resource).index(resource), turns=max(1, beside_others), pauses=pauses)
    return Shares(
        resource, each=each, in_all=in_all, beside_others=max(1, beside_others // processes), group=group, turns=turns
    )


def _halved_beside_others(resource: Resource, group: ProcessGroup, each: int) -> Shares:
    return Shares(resource, each=each, in_all=FULL_SHARES * each, beside_others=max(1, each // 2), group=group)


def take_share(resource: Resource, stack: ExitStack, *, wait_s: float = 0.0) -> None:
    """Count this request as a use of *resource* until *stack* ends.

    Raises Overloaded if the workspace still uses its whole share after *wait_s* seconds.
    """
    shares, workspace_id = _shares(resource), g.workspace_id
    if not shares.take(workspace_id, wait_s=wait_s):
        if resource in REPEATED:
            _remember_refusal(resource)
        raise _overloaded(resource)
    stack.callback(shares.give_back, workspace_id)


def refuse_again(secret: str) -> None:
    """Raise Overloaded if a request with the key *secret* was refused lately, and its workspace's share is used up."""
    g.key_digest = _refusals().digest(secret)
    for refusal in _refusals().find(g.key_digest, request.endpoint or ""):
        if _shares(refusal.resource).refuses(refusal.workspace_id):
            # For the log and the trace: no view runs.
            g.workspace_id = refusal.workspace_id
            raise _overloaded(refusal.resource)


def _remember_refusal(resource: Resource) -> None:
    # The console authenticates sign-ins, which have no digest: a person sends few requests.
    if "key_digest" in g:
        endpoint = "" if resource is Resource.THREADS else request.endpoint or ""
        _refusals().remember(g.key_digest, endpoint, workspace_id=g.workspace_id, resource=resource)


def take_thread() -> None:
    """Count the thread of this request for its workspace until the request ends, and wait until the request may run.

    Raises Overloaded.
    """
    if "shares" not in g:
        g.shares, g.running = ExitStack(), ExitStack()
        take_share(Resource.THREADS, g.shares)
        set_switch_interval(is_alone=resources_of(current_app).group.is_alone(g.workspace_id))
        take_share(Resource.RUNNING, g.running, wait_s=settings().pool_timeout_s)


def stop_running() -> None:
    """Let another request of the workspace run: this one has little left to do but to wait or to send."""
    if "running" in g:
        g.running.close()


def run_again() -> None:
    """Count this request as running again after stop_running.

    It waits for that like a new request, but then it continues in any case: its main work is done.
    """
    if "running" in g:
        g.running.enter_context(_shares(Resource.RUNNING).hold(g.workspace_id, wait_s=settings().pool_timeout_s))


def stream_turns() -> Callable[[], AbstractContextManager[None]]:
    """Return a function whose contexts count as running requests: one for each part of this request's response.

    So the work of a streamed response is divided like that of other requests, and the client's time to read is not
    counted.
    """
    shares = _shares(Resource.RUNNING)
    return partial(shares.hold, g.workspace_id, wait_s=settings().pool_timeout_s)


def by_turns(parts: Generator[T]) -> Iterator[T]:
    """Return *parts* of the streamed response of this request; each is made in a turn."""
    turn = stream_turns()

    def content() -> Iterator[T]:
        with closing(parts):
            while True:
                with turn():
                    part = next(parts, None)
                if part is None:
                    return
                yield part

    return content()


@contextmanager
def query_share() -> Iterator[None]:
    """Count a block as a query that may take seconds. Raises Overloaded above the workspace's share."""
    with ExitStack() as stack:
        take_share(Resource.QUERIES, stack)
        # It has a share of its own, so that it does not stop the short requests of its workspace.
        stop_running()
        yield
    # The response is yet to be written.
    run_again()


def threads_of_a_workspace() -> int:
    """Return how many threads of this process one workspace may use at once."""
    return _shares(Resource.THREADS).each


def budget_s() -> float:
    """Return the seconds that all statements of a request may take together."""
    return settings().statement_timeout_ms / 1000


def _overloaded(resource: Resource) -> Overloaded:
    return Overloaded(BUSY[resource], retry_after_s=BUSY_S[resource])


def _refusals() -> RecentRefusals:
    refusals: RecentRefusals = current_app.extensions[REFUSALS]
    return refusals


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
