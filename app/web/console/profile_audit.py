"""The latest audit entries about a profile: who merged, changed or deleted it, and when."""

from collections.abc import Sequence

from flask import g

from app.audit.entries import AuditEntry
from app.audit.queries import AuditFilter, list_entries
from app.db.transaction import open_transaction
from app.web.resources import pool

#: The permission of `GET /audit`.
PERMISSION = "audit.read"
#: Entries on a page; `GET /audit` returns all.
MAX_ENTRIES = 20


def latest_entries(identifier: str) -> Sequence[AuditEntry] | None:
    """Return the entries about the profiles of *identifier*, newest first; None without the permission."""
    if not g.may(PERMISSION):
        return None
    with open_transaction(pool(), g.workspace_id) as tx:
        return list_entries(tx, matching=AuditFilter(identifier=identifier), limit=MAX_ENTRIES) if identifier else ()
