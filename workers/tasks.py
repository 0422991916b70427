"""The only Celery task, which runs a lane."""

import logging
from collections.abc import Mapping, Sequence
from threading import Event
from uuid import UUID

import psycopg
from celery import Task

from app.db.errors import Response, response_to, to_unavailable
from app.errors import DatabaseUnavailable, MergelaneError
from app.lane.run import Lane, execute_lane
from app.logs import request_context
from workers import resources
from workers.celery import LANE_TASK, app

log = logging.getLogger(__name__)

#: Set while the last lane of this process found PostgreSQL away or refusing work.
_waiting = Event()


class LaneFailed(MergelaneError):
    """A lane could not run. Replaces the original error, whose text may contain personal data."""


@app.task(
    name=LANE_TASK,
    bind=True,
    autoretry_for=(DatabaseUnavailable,),
    max_retries=10,
    retry_backoff=1,
    retry_backoff_max=10,
)
def run_lane(self: Task, workspace_id: int, job_ids: Sequence[str]) -> None:
    """Run the jobs *job_ids* of a workspace.

    While PostgreSQL is away or refuses work, Celery retries the task, with growing pauses below the visibility timeout;
    then the rescue finds the jobs. All other errors are counted as failed attempts of a job. A message of another
    installation is acknowledged without an effect: the rescue there finds its jobs.

    Celery logs a raised error with its text and its causes, and sends it to Flower. So only sentences without personal
    data are raised, and the original error is logged here. Raises DatabaseUnavailable and LaneFailed.
    """
    lane = Lane(
        workspace_id=workspace_id,
        job_ids=[UUID(job_id) for job_id in job_ids],
        task_id=UUID(self.request.id),
    )
    installation = self.request.get("installation")
    if installation not in (None, "", resources.installation_name):
        log.warning("foreign_message_ignored", extra={"task_id": self.request.id, "installation": installation})
        return
    requests = list(self.request.get("request_ids") or ())
    own = {"task_id": self.request.id, "workspace_id": workspace_id, "request_ids": requests}
    with request_context(requests):
        ends = _run(lane, own)
        log.info("lane_done", extra={**own, "jobs": len(job_ids), "ends": ends})


def _run(lane: Lane, own: Mapping[str, object]) -> Mapping[str, int]:
    """Run *lane* and return its jobs by their result; *own* are the fields of its log lines."""
    try:
        ends = execute_lane(resources.pool(), resources.settings(), lane)
    except DatabaseUnavailable as error:
        _log_waiting(str(error))
        raise DatabaseUnavailable(str(error)) from None
    except Exception as error:
        if isinstance(error, psycopg.Error) and response_to(error) is Response.WAIT:
            raise DatabaseUnavailable(str(to_unavailable(error))) from None
        log.exception("lane_failed", extra=own)
        message = f"The lane could not run because of {type(error).__name__}; the worker's log has the details."
        raise LaneFailed(message) from None
    if _waiting.is_set():
        log.info("service_resumed", extra={"service": "worker"})
        _waiting.clear()
    return ends


def _log_waiting(reason: str) -> None:
    """Log that this worker waits for PostgreSQL, once until a lane runs again."""
    if not _waiting.is_set():
        log.warning("service_waiting", extra={"service": "worker", "reason": reason})
    _waiting.set()
