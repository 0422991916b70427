"""Metrics, logs and spans of one lane.

Metrics are updated once per transaction, and lines about single jobs are logged at DEBUG only. One of each per job
would cost a good part of a merge under load.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from uuid import UUID

from app.ledger.execution import ClaimedJob, JobResult
from app.metrics import worker as metrics
from app.telemetry import spans
from schemas.outcomes import JobState

LOG = logging.getLogger(__name__)


class LaneObserver:
    """Records the events of one lane. *task_id* is the id of its Celery task."""

    def __init__(self, *, workspace_id: int, task_id: UUID) -> None:
        self._lane_fields: dict[str, str | int] = {"workspace_id": workspace_id, "task_id": str(task_id)}
        self._began = perf_counter()
        self._jobs: Mapping[UUID, ClaimedJob] = {}
        self._jobs_by_end: Counter[str] = Counter()
        self._span = spans.NO_SPAN

    def on_begun(self, jobs: Sequence[ClaimedJob]) -> None:
        """Record that an attempt at each of *jobs* has begun."""
        self._began = perf_counter()
        self._jobs = {job.id: job for job in jobs}
        metrics.ATTEMPTS.inc(len(jobs))
        metrics.LANE_JOBS.observe(len(jobs))
        if spans.is_tracing():
            fields = {**self._lane_fields, "jobs": len(jobs)}
            self._span = spans.begin_span(
                "lane",
                kind=spans.Kind.CONSUMER,
                parents=[job.traceparent or "" for job in jobs],
                attributes={f"mergelane__{name}": value for name, value in fields.items()},
            )
        if LOG.isEnabledFor(logging.DEBUG):
            for job in jobs:
                LOG.debug("job_begun", extra={**self._job_fields(job), "attempt": job.attempts})

    def on_committed(self, results: Iterable[JobResult], *, seconds: float) -> None:
        """Record that a transaction of *seconds* was committed, and the *results* of the jobs that it finished."""
        metrics.TRANSACTION_SECONDS.observe(seconds)
        passed = perf_counter() - self._began
        counts: Counter[tuple[str, str]] = Counter()
        durations: defaultdict[str, list[float]] = defaultdict(list)
        for result in results:
            job = self._jobs[result.job_id]
            counts[job.kind, result.outcome] += 1
            durations[job.kind].append(job.waited_s + passed)
            if LOG.isEnabledFor(logging.DEBUG):
                LOG.debug("job_finished", extra={**self._job_fields(job), "outcome": result.outcome.value})
            if spans.is_tracing():
                self._job_span(job, passed, kind=job.kind.value, outcome=result.outcome.value).end()
        for kind, seconds_each in durations.items():
            metrics.MERGE_SECONDS.observe_all(seconds_each, kind)
        for (kind, outcome), jobs in counts.items():
            metrics.FINISHED.inc(jobs, kind, outcome)
            self._jobs_by_end[outcome] += jobs

    def on_split(self, jobs: Sequence[ClaimedJob], error: Exception) -> None:
        """Record that the transaction of *jobs* failed with *error*, and that they run one by one now."""
        metrics.LANES_SPLIT.inc()
        LOG.warning("lane_split", extra={**self._lane_fields, "jobs": len(jobs), "error": type(error).__name__})

    def on_failed(self, job: ClaimedJob, error: Exception, *, state: JobState | None) -> None:
        """Record that the attempt at *job* failed with *error*; *state* is the job's new state.

        Without a state, another attempt at the job has begun or finished it meanwhile.
        """
        metrics.FAILED.inc(1, state or "superseded")
        self._jobs_by_end[state or "superseded"] += 1
        if spans.is_tracing():
            span = self._job_span(job, perf_counter() - self._began, error=type(error).__name__)
            span.fail()
            span.end()
        LOG.error(
            "job_attempt_failed",
            extra={**self._job_fields(job), "attempt": job.attempts, "state": state},
            exc_info=error,
        )

    def on_finished(self) -> None:
        """Record that the lane has ended, with or without an error."""
        metrics.LANE_SECONDS.observe(perf_counter() - self._began)
        self._span.end()

    @property
    def jobs_by_end(self) -> Mapping[str, int]:
        """The number of jobs by outcome, or by state for jobs without an outcome."""
        return {str(end): jobs for end, jobs in self._jobs_by_end.items()}

    def _job_span(self, job: ClaimedJob, seconds: float, **attributes: str) -> spans.Span:
        """Return a span of the last *seconds* for *job*, in its request's trace and linked to the lane's span."""
        fields = {**{name: str(value) for name, value in self._job_fields(job).items()}, **attributes}
        return spans.begin_span(
            "job",
            parents=[job.traceparent or self._span.traceparent],
            links=[self._span.traceparent],
            attributes={
                "mergelane__attempt": job.attempts,
                **{f"mergelane__{name}": value for name, value in fields.items()},
            },
            seconds_ago=seconds,
        )

    def _job_fields(self, job: ClaimedJob) -> dict[str, object]:
        """Return the fields of *job* for logs and spans, with its own request id: a lane may serve several requests."""
        fields: dict[str, object] = {"job_id": str(job.id), "batch_id": str(job.batch_id), **self._lane_fields}
        return fields if job.request_id is None else {**fields, "request_id": job.request_id}
