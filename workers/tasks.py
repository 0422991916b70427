"""The one task: a shell around the lane's use case."""

import logging
from collections.abc import Mapping, Sequence
from uuid import UUID

from celery import Task

from app.errors import DatabaseUnavailable, MergelaneError
from app.lane.run import Lane, run
from app.logs import request_context
from workers import resources
from workers.celery import LANE_TASK, app

log = logging.getLogger(__name__)


class LaneFailed(MergelaneError):
    """A lane could not be run. It stands in for what went wrong, whose text may quote personal data."""


@app.task(
    name=LANE_TASK,
    bind=True,
    autoretry_for=(DatabaseUnavailable,),
    max_retries=10,
    retry_backoff=1,
    retry_backoff_max=10,
)
def run_lane(self: Task, workspace_id: int, job_ids: Sequence[str]) -> None:
    """Bring the jobs *job_ids* of a workspace to their outcomes.

    While PostgreSQL is away the task is tried again, later each time but always sooner than the visibility timeout;
    when that does not help, the rescue finds the jobs. Everything else that goes wrong is counted on its job.

    Celery logs what a task raises and sends it to Flower, text, causes and all. So nothing leaves here but a sentence
    of ours; what went wrong is logged here, in our way. Raises DatabaseUnavailable and LaneFailed.
    """
    lane = Lane(
        workspace_id=workspace_id,
        job_ids=[UUID(job_id) for job_id in job_ids],
        task_id=UUID(self.request.id),
    )
    requests = list(self.request.get("request_ids") or ())
    own = {"task_id": self.request.id, "workspace_id": workspace_id, "request_ids": requests}
    with request_context(requests):
        ends = _run(lane, own)
        log.info("lane_done", extra={**own, "jobs": len(job_ids), "ends": ends})


def _run(lane: Lane, own: Mapping[str, object]) -> Mapping[str, int]:
    """Run *lane*, of which lines tell what is its *own*; return how many of its jobs ended how."""
    try:
        return run(resources.pool(), resources.settings(), lane)
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(str(error)) from None
    except Exception as error:
        log.exception("lane_failed", extra=own)
        message = f"The lane could not be run, because of {type(error).__name__}; the worker's log has the details."
        raise LaneFailed(message) from None
