"""Prioritization: an ordered filter over the candidates that share an email address or a phone number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from schemas.priorities import Priority


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile with the address, as far as prioritization reads it."""

    id: int
    identified: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Resolved:
    """Exactly one profile matches."""

    id: int


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """More than one profile matches; to pick one would be a guess."""


@dataclass(frozen=True, slots=True)
class NoCandidate:
    """No profile matches; *filtered_out* is true if there were candidates before the prioritization."""

    filtered_out: bool = False


Choice = Resolved | Ambiguous | NoCandidate


def prioritize(candidates: Iterable[Candidate], prioritization: Sequence[Priority]) -> Choice:
    """Filter *candidates* by each step of *prioritization*, in order, and return the result.

    Two profiles with the same update time are a tie, and a tie is ambiguous.
    """
    given = list(candidates)
    left = given
    for step in prioritization:
        left = _filter(left, step)
    if not left:
        return NoCandidate(filtered_out=bool(given))
    return Resolved(left[0].id) if len(left) == 1 else Ambiguous()


def _filter(candidates: list[Candidate], step: Priority) -> list[Candidate]:
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
