"""Creates jobs for the tests in this folder."""

from uuid_utils.compat import uuid7

from app.ledger.execution import ClaimedJob
from schemas.outcomes import JobKind
from tests.support.factories import Wire


def a_job(orphan: Wire, survivor: Wire, *, kind: JobKind = JobKind.MERGE) -> ClaimedJob:
    """Return a job that merges *orphan* into *survivor*; both are identifiers in the format of requests."""
    return ClaimedJob(
        id=uuid7(), batch_id=uuid7(), index=0, kind=kind, orphan_wire=orphan, survivor_wire=survivor, attempts=1
    )
