"""The header Retry-After: a number of seconds, a date, or an unreadable value."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from schemas.retry_after import LONGEST_S, parse_retry_after


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("9" * 400, LONGEST_S),
        (None, None),
        ("", None),
        ("soon", None),
    ],
)
def test_a_number_of_seconds(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text) == seconds


@pytest.mark.parametrize("text", ["-1", "1.5", "٣", "1e3"])
def test_other_numbers_are_malformed(text: str) -> None:
    assert parse_retry_after(text) is None


def test_a_date() -> None:
    later, earlier = (datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (60, -60))

    assert 55 < (parse_retry_after(format_datetime(later, usegmt=True)) or 0) <= 60
    assert parse_retry_after(format_datetime(earlier, usegmt=True)) == 0.0


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_a_date_is_compared_with_the_clock_of_the_server_that_sent_it(hours: int) -> None:
    sent_at = datetime.now(UTC) + timedelta(hours=hours)
    later = format_datetime(sent_at + timedelta(seconds=6), usegmt=True)

    assert parse_retry_after(later, date=format_datetime(sent_at, usegmt=True)) == 6.0


def test_an_unreadable_date_of_the_response_does_not_count() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)

    assert 55 < (parse_retry_after(later, date="yesterday") or 0) <= 60
