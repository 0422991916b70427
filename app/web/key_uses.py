"""Records the last use of the key of a request."""

import logging
from uuid import UUID

import psycopg
from flask import current_app

from app.db.transaction import open_transaction
from app.errors import DatabaseUnavailable
from app.keys.uses import KeyUses, save_use
from app.web.resources import pool

LOG = logging.getLogger(__name__)
NAME = "mergelane-key-uses"


def record_use(*, workspace_id: int, key_id: UUID) -> None:
    """Record the use of a key, at most once a minute in this process. A failure does not fail the request."""
    uses: KeyUses = current_app.extensions.setdefault(NAME, KeyUses())
    if not uses.is_due(key_id):
        return
    try:
        with open_transaction(pool(), workspace_id) as tx:
            save_use(tx, key_id=key_id)
    except (psycopg.Error, DatabaseUnavailable) as error:
        LOG.info("key_use_not_recorded", extra={"error": type(error).__name__})
