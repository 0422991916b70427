"""Times on pages: exact in UTC, and relative to now."""

from datetime import UTC, datetime, timedelta

from app.db.clock import SERVER_CLOCK

#: Units of a relative time: the age from which the next one is used, the length of the unit, and its name.
UNITS = (
    (timedelta(minutes=1), timedelta(seconds=1), "s"),
    (timedelta(hours=1), timedelta(minutes=1), "min"),
    (timedelta(days=1), timedelta(hours=1), "h"),
    (timedelta(days=30), timedelta(days=1), "d"),
)
#: Ages below which a time is "just now": the clocks of the processes differ a little.
NOW = timedelta(seconds=2)


def format_time(value: datetime | None) -> str:
    """Return *value* in UTC, to the second; "" for None."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def format_relative_time(value: datetime) -> str:
    """Return *value* as "5 min ago" or "in 5 min"; as a date from 30 days on."""
    age = SERVER_CLOCK.moment() - value
    if abs(age) < NOW:
        return "just now"
    for below, unit, name in UNITS:
        if abs(age) < below:
            amount = f"{abs(age) // unit} {name}"
            return f"{amount} ago" if age > timedelta() else f"in {amount}"
    return f"{value.astimezone(UTC):%Y-%m-%d}"
