"""Counts the objects of a request of `/users/track` in an open import, in the transaction of their effects."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Concatenate, ParamSpec
from uuid import UUID

from app.db.transaction import Transaction, Wrapper
from app.ledger.runs import add_results
from app.users.track import TrackResult
from schemas.track import TrackRequest

Params = ParamSpec("Params")


class ObjectResult(StrEnum):
    """The result of one object."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    #: It is valid, but it had no effect: it names no profile.
    UNPROCESSED = "unprocessed"


def count_objects(run_id: UUID, request: TrackRequest, once: Wrapper) -> Wrapper:
    """Return *once* that also adds the objects of *request* by their result to the import *run_id*."""

    def wrap(
        use_case: Callable[Concatenate[Transaction, Params], TrackResult], /
    ) -> Callable[Concatenate[Transaction, Params], TrackResult]:
        def track_and_count(tx: Transaction, /, *args: Params.args, **given: Params.kwargs) -> TrackResult:
            effects = use_case(tx, *args, **given)
            add_results(tx, run_id=run_id, results=_results(request, effects))
            return effects

        return once(track_and_count)

    return wrap  # type: ignore[return-value]


def _results(request: TrackRequest, effects: TrackResult) -> Mapping[str, int]:
    refused, unprocessed = len(effects.refused), len(effects.without_profile)
    counts = {
        ObjectResult.ACCEPTED: len(request.entries) - refused - unprocessed,
        # Faults that were found before have no position.
        ObjectResult.REFUSED: len(request.errors) + refused,
        ObjectResult.UNPROCESSED: unprocessed,
    }
    return {result.value: count for result, count in counts.items() if count}
