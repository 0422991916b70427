"""The header `Merge-Run`: the run that a request joins with its batch, or with its lines."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from flask import g, request
from marshmallow import ValidationError

from app.db.transaction import open_transaction
from app.errors import Rejected
from app.ledger.runs import require_open_run
from app.web.resources import pool

HEADER = "Merge-Run"
NOT_AN_ID = "The Merge-Run header must be the id of a run, as POST /merge/runs returns it."


@contextmanager
def joined_run(require: Callable[..., None] = require_open_run) -> Iterator[UUID | None]:
    """Yield the id of the run that this request joins, or None.

    A run that it cannot join is reported before any other fault of the request. A request without a fault finds that
    out when it inserts its batch, or counts its lines. *require* raises why the run cannot be joined. Raises Rejected
    for a header that is no id, NotFound for an unknown run, and Conflict for one that is not open.
    """
    run_id = _requested_run()
    try:
        yield run_id
    except (Rejected, ValidationError):
        if run_id is not None:
            check_run(run_id, require)
        raise


def check_run(run_id: UUID, require: Callable[..., None]) -> None:
    """Raise what *require* raises about a run that a request cannot join."""
    with open_transaction(pool(), g.workspace_id) as tx:
        require(tx, run_id=run_id)


def _requested_run() -> UUID | None:
    header = request.headers.get(HEADER)
    if header is None:
        return None
    try:
        return UUID(header.strip())
    except ValueError:
        raise Rejected(NOT_AN_ID) from None
