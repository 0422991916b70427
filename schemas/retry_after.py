"""The response header Retry-After (RFC 9110, 10.2.3), as clients read it: the command line and the webhook sender.

A module of its own, since these two packages share nothing else.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: Seconds that stand in for longer announcements: ten years. A larger number would overflow timers.
LONGEST_S = 10 * 365 * 86_400.0


def parse_retry_after(value: str | None, *, date: str | None = None) -> float | None:
    """Return the seconds that *value* announces, as a number or as an HTTP date; None when it is missing or unreadable.

    An HTTP date is by the clock of the server, so it is compared with *date*, the response's header Date; without one,
    with the clock of this machine. A date in the past is 0 seconds; an announcement of more than LONGEST_S is
    LONGEST_S.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), LONGEST_S)
    moment = _parse_date(text)
    if moment is None:
        return None
    sent_at = _parse_date(date) or datetime.now(UTC)
    return min(max(0.0, (moment - sent_at).total_seconds()), LONGEST_S)


def _parse_date(text: str | None) -> datetime | None:
    """Return the time of an HTTP date; None when it is missing or unreadable."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    # A date with the zone "-0000" has no zone; HTTP dates are in UTC.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
