"""Buckets, which are endpoints counted together, and their limits.

A limit is written REQUESTS/SECONDS, such as 20000/60; several are written BUCKET=LIMIT and separated by commas.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

NOTATION = re.compile(r"([1-9][0-9]{0,9})/([1-9][0-9]{0,6})")


class Bucket(StrEnum):
    """Endpoints that are counted together, as by the vendor."""

    #: delete, alias/new, alias/update, identify and merge: one bucket for the five of them.
    USERS = "users"
    TRACK = "track"
    EXPORT = "export"
    RENAME = "rename"
    REMOVE = "remove"
    #: Every other endpoint that takes a key.
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Limit:
    """The requests of a bucket that one window allows."""

    bucket: Bucket
    requests: int
    #: The length of a window. Windows start at multiples of it since the epoch, so 60 is a minute of the clock.
    seconds: int

    def __str__(self) -> str:
        """Return the limit in its notation."""
        return f"{self.requests}/{self.seconds}"


#: The vendor's documented limits.
DEFAULTS = (
    Limit(Bucket.USERS, 20_000, 60),
    Limit(Bucket.TRACK, 3_000, 3),
    Limit(Bucket.EXPORT, 250, 60),
    Limit(Bucket.RENAME, 1_000, 60),
    Limit(Bucket.REMOVE, 1_000, 60),
    Limit(Bucket.OTHER, 250_000, 3_600),
)


@lru_cache(maxsize=1_024)
def parse_limit(bucket: str, text: str) -> Limit:
    """Parse the limit *text* of *bucket*; raise ValueError with a sentence when it is invalid."""
    if bucket not in set(Bucket):
        raise ValueError(f"There is no bucket {bucket!r}; choose from: {', '.join(Bucket)}.")
    match = NOTATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no limit; write REQUESTS/SECONDS, such as 20000/60.")
    return Limit(Bucket(bucket), int(match[1]), int(match[2]))


def parse_limits(text: str) -> tuple[Limit, ...]:
    """Return the limits of all buckets: those in *text*, and the vendor's for the others.

    Raises ValueError with a sentence when a part of *text* is invalid.
    """
    parts = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    return override_limits(DEFAULTS, [parse_limit(bucket.strip(), limit.strip()) for bucket, _, limit in parts])


def override_limits(limits: Iterable[Limit], by: Iterable[Limit]) -> tuple[Limit, ...]:
    """Return *limits*, replaced by those of the same bucket in *by*."""
    given = {limit.bucket: limit for limit in by}
    return tuple(given.get(limit.bucket, limit) for limit in limits)
