"""X times in Y days: recent events or purchases of a profile, with those of all profiles merged into it."""

from dataclasses import dataclass
from datetime import datetime

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.profiles.lookup import raise_missing_profile
from schemas.activity import ActivityQuery, Subject

QUERIES = load_queries("app.profiles", "activity.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """The number of events or purchases, and the time of the first and the last one."""

    count: int
    first: datetime | None
    last: datetime | None
    #: For purchases, the money spent in whole cents, refunds subtracted.
    cents: int | None = None


def count_activity(tx: Transaction, *, braze_id: str, query: ActivityQuery) -> Activity:
    """Return the activity of the live profile with *braze_id* in the last Y days, by one query through the origins.

    A day is 24 hours, counted back from now: Y = 1 is exactly the last 24 hours. (The vendor's filter counts calendar
    days and so reaches up to a day further.) The client compares X, the number of times, with `count`: 0 to 50 in the
    vendor's filters, without a limit here. A property's value compares as text, so `5` and `true` match as JSON writes
    them. Raises Gone and NotFound.
    """
    of_events = query.subject is Subject.EVENT
    parameters = {
        "braze_id": braze_id,
        "name": query.name,
        "days": query.days,
        "property": query.property,
        "value": query.value,
    }
    row = tx.execute(QUERIES["count_events" if of_events else "count_purchases"], parameters).fetchone()
    if row is None:
        raise_missing_profile(tx, braze_id=braze_id)
    cents = row.pop("cents", None)
    return Activity(**row, cents=None if cents is None else int(cents))
