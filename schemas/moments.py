"""Moments in the forms of the vendor's documents."""

import re
from datetime import UTC, date, datetime
from typing import Any

#: `2026-01-31T09:30:00:000+0000`, a form of the vendor's documents.
COLON_BEFORE_MILLISECONDS = re.compile(r"(T\d\d:\d\d:\d\d):(\d{3})")
#: `01/31/2026`, another form of the vendor's documents.
MONTH_FIRST = re.compile(r"^(\d\d)/(\d\d)/(\d{4})$")
#: `Thu 05 14 09:30:00.Z 2026`, the vendor's `ddd MM dd HH:mm:ss.TZD YYYY`, and the forms of Java, C and Ruby beside it:
#: the month by name, fractions of a second, the zone after a blank or absent.
WEEKDAY_FIRST = re.compile(
    r"(?P<weekday>[A-Z][a-z]{2}) (?P<month>\d\d|[A-Z][a-z]{2})  ?(?P<day>\d\d?) (?P<time>\d\d:\d\d:\d\d(?:\.\d{1,6})?)"
    r"[. ]?(?P<zone>Z|UTC|GMT|(?:UTC|GMT)?[+-]\d\d:?\d\d|[+-]\d\d|) (?P<year>\d{4})"
)
#: In English, whatever the locale of the machine.
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def moment_in(value: Any) -> datetime | None:
    """Parse a moment in any of the vendor's forms; return None when *value* is no moment.

    The result is an aware datetime in UTC with whole milliseconds. A moment without a zone is UTC.
    """
    if not isinstance(value, str):
        return None
    try:
        moment = in_utc(datetime.fromisoformat(_as_iso(value)))
    except ValueError:
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def in_utc(moment: datetime) -> datetime:
    """Return *moment* in UTC; one without a zone is UTC. Raise ValueError outside of the years 1 to 9999 there."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def _as_iso(text: str) -> str:
    """Return *text* with the vendor's other forms of days, milliseconds and zones converted to ISO 8601."""
    text = text.strip()
    if weekday_first := WEEKDAY_FIRST.fullmatch(text):
        return _as_iso_without_weekday(weekday_first)
    text = COLON_BEFORE_MILLISECONDS.sub(r"\1.\2", text)
    text = MONTH_FIRST.sub(r"\3-\1-\2", text)
    return re.sub(r" (?=[+-]\d|Z$|UTC$)", "", text).replace("UTC", "Z")


def _as_iso_without_weekday(found: re.Match[str]) -> str:
    """Return the moment *found* by WEEKDAY_FIRST in ISO 8601; raise ValueError if it is none or on another weekday."""
    month = found["month"]
    number = int(month) if month.isdigit() else MONTHS.index(month) + 1
    day = date(int(found["year"]), number, int(found["day"]))
    if WEEKDAYS.index(found["weekday"]) != day.weekday():
        raise ValueError
    zone = re.sub("UTC|GMT", "", found["zone"]) or "Z"
    return f"{day.isoformat()}T{found['time']}{zone}"
