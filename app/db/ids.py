"""Ids of rows: UUIDs of version 7 with the time of PostgreSQL's clock, so that those of all processes sort by time.

Libraries make them by the clock of the machine, which may be wrong: lists would be out of order.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from uuid import UUID

import uuid_utils

from app.db.clock import SERVER_CLOCK

#: Bounds of pages over ids.
FIRST_ID, LAST_ID = UUID(int=0), UUID(int=2**128 - 1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
#: Bits of an id below its milliseconds.
BITS_BELOW_TIME = 80
#: Bits that count the ids of one millisecond, between the version and the variant.
COUNTER_BITS = 12
RANDOM_BITS = 62
RANDOM_MASK = (1 << RANDOM_BITS) - 1
VERSION = 7 << 76
VARIANT = 2 << 62


class IdMaker:
    """Makes ids that ascend within this process, also when the clock steps back."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = Lock()
        #: Milliseconds and counter of the last id.
        self._last = 0

    def __call__(self) -> UUID:
        """Return a new id."""
        return UUID(int=_number(self._reserve(1), secrets.randbits(RANDOM_BITS)))

    def texts(self, count: int) -> list[str]:
        """Return *count* new ids as text, ascending; many cost little more than one."""
        first = self._reserve(count)
        # One system call: one for each id takes longer than all the rest.
        random = secrets.token_bytes(8 * count)
        return [
            str(uuid_utils.UUID(int=_number(first + nth, int.from_bytes(random[8 * nth : 8 * nth + 8]) & RANDOM_MASK)))
            for nth in range(count)
        ]

    def _reserve(self, count: int) -> int:
        """Return the first of *count* values of time and counter, which follow each other."""
        # Half of the counter is left for further ids of the same millisecond; beyond, the next millisecond is used.
        fresh = (int(self._now() * 1000) << COUNTER_BITS) + secrets.randbits(COUNTER_BITS - 1)
        with self._lock:
            first = max(fresh, self._last + 1)
            self._last = first + count - 1
        return first


def _number(moment: int, random: int) -> int:
    """Return the number of the id with a value of time and counter, and *random* bits."""
    milliseconds, counter = divmod(moment, 1 << COUNTER_BITS)
    return (milliseconds << BITS_BELOW_TIME) | VERSION | (counter << 64) | VARIANT | random


new_id = IdMaker(SERVER_CLOCK.now)


def earliest_id_at(moment: datetime, *, less: timedelta = timedelta()) -> UUID:
    """Return the smallest id at *moment*, *less* a duration; ids start in 1970, so that is the smallest of all before.

    In whole numbers: a float rounds the last microseconds of the year 9999 up to a year that no datetime has.
    """
    milliseconds = (moment - EPOCH) // MILLISECOND - less // MILLISECOND
    return UUID(int=max(0, milliseconds) << BITS_BELOW_TIME)


def range_of_ids(since: datetime | None, until: datetime | None) -> tuple[UUID, UUID]:
    """Return bounds of the ids made at or after *since* and before *until*; None does not limit them."""
    return FIRST_ID if since is None else earliest_id_at(since), LAST_ID if until is None else earliest_id_at(until)


def id_after(each: UUID) -> UUID:
    """Return the id that follows *each*, or the last one."""
    return UUID(int=min(each.int + 1, LAST_ID.int))
