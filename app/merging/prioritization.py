"""Prioritization: an ordered successive filter over the candidates that share an email address or a phone number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from schemas.prioritization import Priority


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile that an address may denote: as much of it as prioritization looks at."""

    id: int
    identified: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Resolved:
    """Exactly one profile is left."""

    id: int


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """More than one profile is left: acting on either would be a guess."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """No profile is left; *filtered_out* tells whether there were candidates before the prioritization."""

    filtered_out: bool = False


Choice = Resolved | Ambiguous | NotFound


def prioritize(candidates: Iterable[Candidate], prioritization: Sequence[Priority]) -> Choice:
    """Return which of *candidates* is left after each step of *prioritization*, in order, has filtered them.

    Two profiles updated at the very same time are a tie, and a tie is not exactly one.
    """
    everyone = list(candidates)
    left = everyone
    for step in prioritization:
        left = _filter(left, step)
    if not left:
        return NotFound(filtered_out=bool(everyone))
    return Resolved(left[0].id) if len(left) == 1 else Ambiguous()


def _filter(candidates: list[Candidate], step: Priority) -> list[Candidate]:
    """Return those of *candidates* that *step* keeps."""
    match step:
        case Priority.IDENTIFIED:
            return [candidate for candidate in candidates if candidate.identified]
        case Priority.UNIDENTIFIED:
            return [candidate for candidate in candidates if not candidate.identified]
        case Priority.MOST_RECENTLY_UPDATED:
            newest = max((candidate.updated_at for candidate in candidates), default=None)
            return [candidate for candidate in candidates if candidate.updated_at == newest]
        case Priority.LEAST_RECENTLY_UPDATED:
            oldest = min((candidate.updated_at for candidate in candidates), default=None)
            return [candidate for candidate in candidates if candidate.updated_at == oldest]
        case _ as never:
            assert_never(never)
