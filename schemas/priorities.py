"""The steps of a prioritization, apart from their parsing: the merge rules import no library."""

from enum import StrEnum


class Priority(StrEnum):
    """One step of a prioritization: an ordered successive filter over the candidates."""

    IDENTIFIED = "identified"
    UNIDENTIFIED = "unidentified"
    MOST_RECENTLY_UPDATED = "most_recently_updated"
    LEAST_RECENTLY_UPDATED = "least_recently_updated"
