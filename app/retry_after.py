"""The HTTP header Retry-After (RFC 9110, section 10.2.3). Used by the sender and by the command line's client."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: Digits of a number of seconds that are read; longer numbers are cut, so that no header overflows a float.
MAX_DIGITS = 12


def parse_retry_after(text: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which is a number of seconds or a date.

    None when the header is missing or malformed; 0 for a date in the past.
    """
    if text is None:
        return None
    stripped = text.strip()
    if stripped.isascii() and stripped.isdecimal():
        return float(stripped[:MAX_DIGITS])
    try:
        moment = parsedate_to_datetime(stripped)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
