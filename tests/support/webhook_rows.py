"""Inserts a webhook with a dead notice, without a receiver."""

from app.db.connections import Connection
from app.db.ids import new_id

WEBHOOK = (
    "INSERT INTO webhook (workspace_id, id, url, types, description, enabled, salt, pepper)"
    " VALUES (%(workspace_id)s, %(webhook_id)s, %(url)s, '{}', '', true, '', '')"
)
NOTICE = (
    "INSERT INTO webhook_delivery (workspace_id, id, webhook_id, type, body, state, last_error, ended_at)"
    " VALUES (%(workspace_id)s, %(notice_id)s, %(webhook_id)s, 'webhook.test', '{}', 'dead', 'So.', now())"
)


def write_webhook(connection: Connection, workspace_id: int, *, url: str) -> tuple[str, str]:
    """Insert a webhook and a dead notice of a workspace; return their ids."""
    rows = {"workspace_id": workspace_id, "webhook_id": str(new_id()), "notice_id": str(new_id()), "url": url}
    connection.execute(WEBHOOK, rows)
    connection.execute(NOTICE, rows)
    return str(rows["webhook_id"]), str(rows["notice_id"])
