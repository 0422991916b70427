"""The progress bar of a batch in the console, and the interval between its polls."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.ledger.queries import Batch, StatusCount
from app.web.console.progress import BatchProgress, Tone, label_of, poll_interval, tone_of
from schemas.outcomes import BatchSource, JobState, Outcome

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def a_batch(*tallies: tuple[JobState, Outcome | None, int]) -> Batch:
    """Return a batch with these numbers of jobs by state and outcome."""
    counts = [
        StatusCount(state=state, outcome=outcome, jobs=jobs, finished_at=None) for state, outcome, jobs in tallies
    ]
    return Batch(
        id=UUID(int=1), request_id=None, created_at=NOW, source=BatchSource.API, run_id=None, status_counts=counts
    )


def test_settled_jobs_are_counted_with_any_outcome() -> None:
    progress = BatchProgress.of(
        a_batch(
            (JobState.FINISHED, Outcome.MERGED, 5),
            (JobState.FINISHED, Outcome.SAME_PROFILE, 2),
            (JobState.DEAD, None, 1),
            (JobState.RUNNING, None, 1),
            (JobState.QUEUED, None, 1),
        )
    )

    assert (progress.settled, progress.jobs, progress.finished) == (8, 10, False)
    assert [(share.tone, share.jobs, share.start, share.length) for share in progress.shares] == [
        (Tone.GOOD, 5, 0, 50),
        (Tone.NONE, 2, 50, 20),
        (Tone.BAD, 1, 70, 10),
        (Tone.BUSY, 1, 80, 10),
        (Tone.IDLE, 1, 90, 10),
    ]


def test_an_empty_batch_has_finished_and_fills_no_bar() -> None:
    progress = BatchProgress.of(a_batch())

    assert (progress.settled, progress.jobs, progress.finished, progress.shares) == (0, 0, True, ())


@pytest.mark.parametrize("outcome", Outcome)
def test_an_outcome_without_a_change_has_a_neutral_tone(outcome: Outcome) -> None:
    flattering = "nothing was" in outcome.prose and tone_of(outcome) is not Tone.NONE

    assert not flattering


def test_labels_have_no_underscores() -> None:
    assert [label_of(each) for each in (Outcome.ORPHAN_NOT_FOUND, JobState.DEAD)] == ["Orphan not found", "Dead"]


def test_the_page_of_an_old_batch_polls_less_often() -> None:
    assert [poll_interval(seconds) for seconds in (0, 59, 60, 599, 600, 3_599, 3_600, 1e9)] == [
        2,
        2,
        5,
        5,
        15,
        15,
        60,
        60,
    ]
