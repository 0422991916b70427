"""X times in Y days: what a profile did lately, counted over its own history and that of all merged into it."""

from dataclasses import dataclass
from datetime import datetime

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.users.export import raise_missing
from schemas.activity import ActivityQuery, Subject

QUERIES = load_queries("app.users", "activity.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """How often, from when to when; for purchases the money spent as well, in whole cents, refunds subtracted."""

    count: int
    first: datetime | None
    last: datetime | None
    cents: int | None = None


def count(tx: Transaction, *, braze_id: str, query: ActivityQuery) -> Activity:
    """Return what the live profile with *braze_id* did in the last Y days, by one query through the map of origins.

    A day is 24 hours, counted back from now: Y = 1 is exactly the last 24 hours. (The vendor's filter counts calendar
    days and so reaches up to a day further.) X, the number of times, is the client's to compare with `count`, from 0
    to 50 in the vendor's filters; nothing caps it here. A property's value compares as text, so that `5` and `true`
    are found in the form in which JSON writes them. Raises Gone and NotFound.
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
        raise_missing(tx, braze_id=braze_id)
    cents = row.pop("cents", None)
    return Activity(**row, cents=None if cents is None else int(cents))
