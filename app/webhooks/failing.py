"""The webhooks of a workspace that fail."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.db.transaction import Transaction
from app.webhooks.store import QUERIES

#: The last deliveries of a webhook among which a failed one counts.
LAST_DELIVERIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingWebhook:
    """A webhook that Mergelane disabled, or that did not accept one of its last deliveries."""

    id: UUID
    url: str
    #: Why Mergelane disabled it; None while it is enabled.
    disabled_reason: str | None
    #: Of the newest failed delivery; None without one.
    last_error: str | None
    attempted_at: datetime | None


def list_failing_webhooks(tx: Transaction) -> list[FailingWebhook]:
    """List the webhooks that fail, oldest first."""
    rows = tx.execute(QUERIES["list_failing_webhooks"], {"deliveries": LAST_DELIVERIES})
    return [FailingWebhook(**row) for row in rows]
