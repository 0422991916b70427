"""Warnings about identifiers whose profile was merged away or deleted."""

from dataclasses import dataclass

from schemas.identifiers import BrazeId, Target, UserAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """What happened to the profile of an identifier that names no live profile any more."""

    #: Whether the profile was merged away. Otherwise it was deleted.
    merged: bool
    #: The braze_id of the live profile that contains it; None after a deletion.
    survivor: str | None = None


def departure_sentence(target: Target, departure: Departure, *, effect: str) -> str:
    """Return the warning for *target*, whose profile departed; *effect* says what did not happen."""
    clause = f"The profile with this {_kind(target)} was {_what_happened(departure)}"
    if departure.survivor is None:
        return f"{clause}, so {effect}."
    if isinstance(target, UserAlias):
        clause = f"{clause}, which does not have the alias"
    return f"{clause}, so {effect}. Send the braze_id of that profile instead."


def _what_happened(departure: Departure) -> str:
    if departure.survivor is not None:
        return f"merged away and is now part of profile {departure.survivor}"
    return "merged away, and its survivor was deleted later" if departure.merged else "deleted"


def _kind(target: Target) -> str:
    if isinstance(target, BrazeId):
        return "braze_id"
    return "alias" if isinstance(target, UserAlias) else "external_id"
