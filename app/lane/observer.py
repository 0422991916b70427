"""What is told of a lane while it runs: numbers for those who measure, lines for those who read logs.

Numbers are added up for a whole transaction at a time, and lines about single jobs are written at DEBUG alone: under
load either would cost as much as a good part of a merge.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from uuid import UUID

from app.ledger.execution import Finished, Work
from app.metrics import work as metrics
from app.telemetry import spans
from schemas.outcomes import JobState

LOG = logging.getLogger(__name__)


class Tale:
    """The tale of one lane, from its begin. *task_id* is the task that brought it."""

    def __init__(self, *, workspace_id: int, task_id: UUID) -> None:
        self._own: dict[str, str | int] = {"workspace_id": workspace_id, "task_id": str(task_id)}
        self._began = perf_counter()
        self._jobs: Mapping[UUID, Work] = {}
        self._ends: Counter[str] = Counter()
        self._span = spans.NO_SPAN

    def begun(self, jobs: Sequence[Work]) -> None:
        """Tell that an attempt at each of *jobs* was begun."""
        self._began = perf_counter()
        self._jobs = {job.id: job for job in jobs}
        metrics.ATTEMPTS.add(len(jobs))
        metrics.LANE_JOBS.observe(len(jobs))
        if spans.is_tracing():
            self._span = spans.begin_span(
                "lane",
                kind=spans.Kind.CONSUMER,
                parents=[job.traceparent or "" for job in jobs],
                attributes={f"mergelane__{name}": value for name, value in {**self._own, "jobs": len(jobs)}.items()},
            )
        if LOG.isEnabledFor(logging.DEBUG):
            for job in jobs:
                LOG.debug("job_begun", extra={**self._of(job), "attempt": job.attempts})

    def committed(self, finished: Iterable[Finished], *, seconds: float) -> None:
        """Tell that a transaction of so many *seconds* was committed, and with it the jobs that it *finished*."""
        metrics.TRANSACTION_SECONDS.observe(seconds)
        passed = perf_counter() - self._began
        counts: Counter[tuple[str, str]] = Counter()
        durations: defaultdict[str, list[float]] = defaultdict(list)
        for end in finished:
            job = self._jobs[end.job_id]
            counts[job.kind, end.outcome] += 1
            durations[job.kind].append(job.waited_s + passed)
            if LOG.isEnabledFor(logging.DEBUG):
                LOG.debug("job_finished", extra={**self._of(job), "outcome": end.outcome.value})
            if spans.is_tracing():
                self._span_of(job, passed, kind=job.kind.value, outcome=end.outcome.value).end()
        for kind, seconds_each in durations.items():
            metrics.MERGE_SECONDS.observe_all(seconds_each, kind)
        for (kind, outcome), jobs in counts.items():
            metrics.FINISHED.add(jobs, kind, outcome)
            self._ends[outcome] += jobs

    def split(self, jobs: Sequence[Work], error: Exception) -> None:
        """Tell that the transaction of *jobs* failed because of *error*, and that they are run one by one."""
        metrics.LANES_SPLIT.add()
        LOG.warning("lane_split", extra={**self._own, "jobs": len(jobs), "error": type(error).__name__})

    def failed(self, job: Work, error: Exception, *, state: JobState | None) -> None:
        """Tell that the attempt at *job* failed because of *error*, and in what *state* the job is now."""
        metrics.FAILED.add(1, state or "superseded")
        self._ends[state or "superseded"] += 1
        if spans.is_tracing():
            span = self._span_of(job, perf_counter() - self._began, error=type(error).__name__)
            span.fail()
            span.end()
        LOG.error(
            "job_attempt_failed", extra={**self._of(job), "attempt": job.attempts, "state": state}, exc_info=error
        )

    def ended(self) -> None:
        """Tell that the lane has ended, well or not."""
        metrics.LANE_SECONDS.observe(perf_counter() - self._began)
        self._span.end()

    @property
    def ends(self) -> Mapping[str, int]:
        """How many jobs came to which outcome, or to which state if they have none."""
        return {str(end): jobs for end, jobs in self._ends.items()}

    def _span_of(self, job: Work, seconds: float, **attributes: str) -> spans.Span:
        """Return a span of the *seconds* that *job* took, in its own request's trace, linked with its lane's."""
        told = {**{name: str(value) for name, value in self._of(job).items()}, **attributes}
        return spans.begin_span(
            "job",
            parents=[job.traceparent or self._span.traceparent],
            links=[self._span.traceparent],
            attributes={"mergelane__attempt": job.attempts, **{f"mergelane__{name}": told[name] for name in told}},
            seconds_ago=seconds,
        )

    def _of(self, job: Work) -> dict[str, object]:
        """Return what tells a line's job, its own request with it: a lane may hold jobs of several."""
        own: dict[str, object] = {"job_id": str(job.id), "batch_id": str(job.batch_id), **self._own}
        return own if job.request_id is None else {**own, "request_id": job.request_id}
