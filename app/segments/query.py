"""Read a segment: the number of profiles that match a filter, and one page of them."""

from dataclasses import dataclass

from psycopg import errors as postgres

from app.db.local_settings import set_utc
from app.db.transaction import Transaction
from app.errors import Rejected
from app.merging.profile import Profile
from app.profiles.store import load_profiles
from app.segments.statement import QUERIES, compose_statement
from schemas.segment_comparisons import REGEX
from schemas.segments import Filter, SegmentRequest, leaves_of

TOO_SLOW = (
    "The segment takes too long to count; narrow it by a filter that an index serves,"
    " such as external_id does_not_exist or a custom_attribute that equals a value."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPage:
    """A page of a segment."""

    #: The number of profiles of the whole segment.
    count: int
    profiles: list[Profile]
    #: The id of the last profile of this page when there are more, else None.
    next_after: int | None


def query_segment(tx: Transaction, *, request: SegmentRequest) -> SegmentPage:
    """Return the requested page, in the order of the profiles' ids, and the exact count.

    The caller's transaction must be a snapshot, so that page and count are of one moment. Raises Rejected when a
    regular expression is invalid, or when counting takes longer than the statement timeout.
    """
    try:
        set_utc(tx.connection)
        _check_patterns(tx, request.filter)
        return _page(tx, request=request)
    except postgres.QueryCanceled as error:
        raise Rejected(TOO_SLOW) from error


def _page(tx: Transaction, *, request: SegmentRequest) -> SegmentPage:
    statement, values = compose_statement(request.filter, now=tx.now())
    parameters = {**values, "after": request.after, "limit": request.limit + 1}
    # A plan for any values would know neither the attribute, nor its comparison, nor the size of the workspace.
    (row,) = tx.execute(statement, parameters, plan_for_values=True).fetchall()
    ids = row["ids"][: request.limit]
    profiles = load_profiles(tx, ids=ids)
    return SegmentPage(
        count=row["count"],
        profiles=[profiles[each] for each in ids],
        next_after=ids[-1] if len(row["ids"]) > request.limit else None,
    )


def _check_patterns(tx: Transaction, filter_: Filter) -> None:
    """Raise Rejected, naming the leaf, when a regular expression in *filter_* is invalid."""
    for place, leaf in leaves_of(filter_):
        if leaf.comparison in REGEX:
            try:
                tx.execute(QUERIES["try_pattern"], {"pattern": leaf.given["value"]})
            except postgres.InvalidRegularExpression as error:
                reason = error.diag.message_primary
                raise Rejected(f"'{place}.value' is refused by PostgreSQL: {reason}.") from None
