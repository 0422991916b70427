"""The only Celery task, which runs a lane."""

import logging
from collections.abc import Mapping, Sequence
from threading import Timer
from uuid import UUID

import psycopg
from celery import Task

from app.db.errors import Response, response_to, to_unavailable
from app.errors import DatabaseRefuses, DatabaseUnavailable, MergelaneError, WorkspaceClosed
from app.lane.run import Lane, execute_lane
from app.logs import request_context
from app.metrics.servers import Wait
from app.metrics.worker import LANES_CRASHED
from workers import resources
from workers.celery import app
from workers.interruption import interruptible
from workers.messages import LANE_TASK, REFUSED_ATTEMPTS

log = logging.getLogger(__name__)

#: The longest pause in seconds before a refused lane is repeated: shorter than the times after which its message would
#: be delivered again, or its jobs rescued.
_settings = resources.settings()
LONGEST_PAUSE_S = max(1, round(min(10.0, _settings.visibility_timeout_s / 2, _settings.rescue_after_s / 2)))
#: The age in seconds at which a refusal is no wait any more.
WAIT_EXPIRES_S = 1.5 * LONGEST_PAUSE_S
#: Begun while the last lane of this process found PostgreSQL away or refusing work.
_wait = Wait()
_expiry: Timer | None = None


class LaneFailed(MergelaneError):
    """A lane could not run. Replaces the original error, whose text may contain personal data."""


@app.task(
    name=LANE_TASK,
    bind=True,
    autoretry_for=(DatabaseUnavailable,),
    max_retries=None,
    retry_backoff=1,
    retry_backoff_max=LONGEST_PAUSE_S,
)
def run_lane(self: Task, workspace_id: int, job_ids: Sequence[str]) -> None:
    """Run the jobs *job_ids* of a workspace.

    While PostgreSQL is away or refuses work, Celery retries the task, with growing pauses below the visibility timeout.
    All other errors are counted as failed attempts of a job. A message of another installation is acknowledged without
    an effect: the rescue there finds its jobs.

    Celery logs a raised error with its text and its causes, and sends it to Flower. So only sentences without personal
    data are raised, and the original error is logged here. Raises DatabaseUnavailable and LaneFailed.
    """
    lane = Lane(
        workspace_id=workspace_id,
        job_ids=[UUID(job_id) for job_id in job_ids],
        task_id=UUID(self.request.id),
        refused=dict(self.request.get(REFUSED_ATTEMPTS) or {}),
    )
    installation = self.request.get("installation")
    if installation not in (None, "", resources.installation_name):
        log.warning("foreign_message_ignored", extra={"task_id": self.request.id, "installation": installation})
        return
    requests = list(self.request.get("request_ids") or ())
    own = {"task_id": self.request.id, "workspace_id": workspace_id, "request_ids": requests}
    with interruptible(), request_context(requests):
        try:
            ends = _run(lane, own)
        except DatabaseRefuses as error:
            # The repeated message carries them, and so does any worker that gets it.
            self.request.headers = {
                **(self.request.headers or {}),
                REFUSED_ATTEMPTS: {**lane.refused, **error.attempts},
            }
            raise
        log.info("lane_done", extra={**own, "jobs": len(job_ids), "ends": ends})


def _run(lane: Lane, own: Mapping[str, object]) -> Mapping[str, int]:
    """Run *lane* and return its jobs by their result; *own* are the fields of its log lines."""
    try:
        ends = execute_lane(resources.pool(), resources.settings(), lane)
    except WorkspaceClosed:
        # The rescue requeues the jobs, in the other cell or, if the move is cancelled, here.
        log.info("lane_of_closed_workspace_ignored", extra=own)
        return {}
    except DatabaseUnavailable as error:
        raise _waiting_for(error) from None
    except Exception as error:
        if isinstance(error, psycopg.Error) and response_to(error) is Response.WAIT:
            raise _waiting_for(to_unavailable(error)) from None
        LANES_CRASHED.inc()
        log.exception("lane_failed", extra=own)
        message = f"The lane could not run because of {type(error).__name__}; the worker's log has the details."
        raise LaneFailed(message) from None
    _end_wait()
    return ends


def _end_wait() -> None:
    if _wait.end():
        log.info("service_resumed", extra={"service": "worker"})


def _expire_wait() -> None:
    """End the wait if no further lane is refused here: another worker may get the repeated message."""
    global _expiry  # noqa: PLW0603  one for the process
    if _expiry is not None:
        _expiry.cancel()
    _expiry = Timer(WAIT_EXPIRES_S, _end_wait)
    _expiry.daemon = True
    _expiry.start()


def _waiting_for(error: DatabaseUnavailable) -> DatabaseUnavailable:
    """Log that this worker waits for PostgreSQL, once for each cause, and return the error to raise."""
    if _wait.begin(error):
        log.warning("service_waiting", extra={"service": "worker", "reason": str(error)})
    _expire_wait()
    if isinstance(error, DatabaseRefuses):
        return DatabaseRefuses(str(error), cause=error.cause, attempts=error.attempts)
    return DatabaseUnavailable(str(error), cause=error.cause)
