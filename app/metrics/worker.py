"""Metrics of a worker: a handful of additions for each lane and two for each job."""

from app.metrics.instruments import Counter, Histogram, label_combinations
from schemas.outcomes import JobKind, Outcome

#: Bounds in seconds of a lane and of its transaction.
WORK_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
#: Bounds in seconds from acceptance to outcome: milliseconds without a backlog, hours at its end.
MERGE_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0)

FINISHED = Counter(
    "mergelane_jobs_finished",
    "Jobs with an outcome.",
    labels=("kind", "outcome"),
    series=label_combinations(JobKind, Outcome),
)
MERGE_SECONDS = Histogram(
    "mergelane_job_duration_seconds",
    "Seconds from a job's acceptance to its outcome.",
    labels=("kind",),
    series=label_combinations(JobKind),
    bounds=MERGE_S,
)
ATTEMPTS = Counter("mergelane_job_attempts", "Attempts started.")
FAILED = Counter(
    "mergelane_job_attempts_failed",
    "Failed attempts, by what the job is afterwards: queued (tried again), dead, or superseded by another attempt.",
    labels=("next",),
    series=label_combinations(["queued", "dead", "superseded"]),
)
LANE_JOBS = Histogram(
    "mergelane_lane_jobs", "Jobs in a lane when it starts.", bounds=(0, 1, 2, 5, 10, 20, 30, 40, 50, 100, 200)
)
LANE_SECONDS = Histogram("mergelane_lane_duration_seconds", "Seconds from a lane's start to its end.", bounds=WORK_S)
TRANSACTION_SECONDS = Histogram(
    "mergelane_lane_transaction_seconds", "Seconds of a lane's committed transaction, with repetitions.", bounds=WORK_S
)
LANES_CRASHED = Counter("mergelane_lanes_crashed", "Lanes that an error of Mergelane ended before their jobs began.")
LANES_SPLIT = Counter("mergelane_lanes_split", "Lanes whose jobs ran one by one because one of them failed.")

WORKER = (
    FINISHED,
    MERGE_SECONDS,
    ATTEMPTS,
    FAILED,
    LANE_JOBS,
    LANE_SECONDS,
    TRANSACTION_SECONDS,
    LANES_SPLIT,
    LANES_CRASHED,
)
