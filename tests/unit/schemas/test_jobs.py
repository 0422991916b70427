"""Cursors, times and queries of lists."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from schemas.jobs import BatchPageQuery, BatchPageSchema, BatchSummarySchema, JobPageQuery
from schemas.outcomes import JobState, Outcome
from schemas.paging import Order, load_query


@given(st.uuids())
def test_a_cursor_leads_back_to_where_its_page_ended(last: UUID) -> None:
    cursor = BatchPageSchema().dump({"batches": [], "next_cursor": last})["next_cursor"]

    assert load_query(BatchPageQuery(), {"cursor": cursor})["cursor"] == last
    assert str(last) not in cursor


def test_the_last_page_has_no_cursor() -> None:
    assert BatchPageSchema().dump({"batches": [], "next_cursor": None}) == {"batches": [], "next_cursor": None}


@given(st.text(max_size=20))
def test_an_invented_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        load_query(BatchPageQuery(), {"cursor": cursor})

    assert refusal.value.messages == {"cursor": ["'cursor' must be the next_cursor of an earlier page"]}


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "2026-01-31T09:30:00.000Z"),
        (datetime(2026, 1, 31, 9, 30, 0, 999_999, tzinfo=UTC), "2026-01-31T09:30:00.999Z"),
        (datetime(2026, 1, 31, 11, 30, tzinfo=timezone(timedelta(hours=2))), "2026-01-31T09:30:00.000Z"),
        (None, None),
    ],
)
def test_a_moment_is_dumped_in_utc_with_milliseconds(moment: datetime | None, text: str | None) -> None:
    assert BatchSummarySchema(only=["finished_at"]).dump({"finished_at": moment}) == {"finished_at": text}


def test_a_query_without_anything_wants_the_newest_fifty_of_all() -> None:
    assert load_query(JobPageQuery(), {}) == {"limit": 50, "order": Order.NEWEST}


@pytest.mark.parametrize("state", JobState)
def test_every_state_can_be_a_filter(state: JobState) -> None:
    assert load_query(JobPageQuery(), {"state": state.value})["state"] is state


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_can_be_a_filter(outcome: Outcome) -> None:
    assert load_query(JobPageQuery(), {"outcome": outcome.value})["outcome"] is outcome
