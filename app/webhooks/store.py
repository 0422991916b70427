"""The webhooks of a workspace: made, shown, changed, deleted, and given new secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict, NotFound
from app.webhooks.secrets import Seed, new_seed
from schemas.webhooks import WebhookChange

QUERIES = load_queries("app.webhooks", "webhooks.sql")

#: Webhooks that a workspace may have.
MOST = 20
#: Seconds for which the secret before a rotation goes on signing beside the new one.
FORMER_S = 24 * 3600.0
NO_WEBHOOK = "There is no webhook with this id."
TOO_MANY = f"The workspace has {MOST} webhooks already; delete one that is not needed any more."


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook as it stands, without its secret."""

    id: UUID
    url: str
    types: Sequence[str]
    description: str
    enabled: bool
    #: Why it was disabled, when nobody of the workspace did it.
    disabled_reason: str | None
    created_at: datetime
    #: Until when the secret before the present one signs too; None when it was never rotated.
    former_until: datetime | None


def create(tx: Transaction, wish: WebhookChange, *, peppers: Sequence[str]) -> tuple[Webhook, Seed]:
    """Return a new webhook as *wish* says, and what its secret is made of; raise Conflict when there are too many."""
    seed = new_seed(peppers)
    values = {"id": uuid7(), "most": MOST, **asdict(wish), **asdict(seed)}
    row = tx.execute(QUERIES["create_webhook"], values).fetchone()
    if row is None:
        raise Conflict(TOO_MANY)
    return Webhook(**row), seed


def list_all(tx: Transaction) -> list[Webhook]:
    """Return the webhooks of a workspace, oldest first."""
    return [Webhook(**row) for row in tx.execute(QUERIES["list_webhooks"])]


def read(tx: Transaction, *, webhook_id: UUID) -> Webhook:
    """Return a webhook; raise NotFound when the workspace has none of that id."""
    return _one(tx, "read_webhook", {"id": webhook_id})


def change(tx: Transaction, wish: WebhookChange, *, webhook_id: UUID) -> Webhook:
    """Return a webhook after it was changed as *wish* says; raise NotFound when there is none of that id."""
    return _one(tx, "change_webhook", {"id": webhook_id, **asdict(wish)})


def delete(tx: Transaction, *, webhook_id: UUID) -> None:
    """Delete a webhook with its notices; raise NotFound when there is none of that id."""
    values = {"id": webhook_id}
    if tx.execute(QUERIES["delete_webhook"], values).fetchone() is None:
        raise NotFound(NO_WEBHOOK)


def rotate(tx: Transaction, *, webhook_id: UUID, peppers: Sequence[str]) -> tuple[Webhook, Seed]:
    """Return a webhook after it got a new secret, and what that is made of; the former one signs for a day more.

    Raises NotFound when there is none of that id.
    """
    seed = new_seed(peppers)
    values = {"id": webhook_id, "former_s": FORMER_S, **asdict(seed)}
    return _one(tx, "rotate_secret", values), seed


def _one(tx: Transaction, query: str, values: Mapping[str, Any]) -> Webhook:
    """Return the webhook that *query* gives; raise NotFound when it gives none."""
    row = tx.execute(QUERIES[query], values).fetchone()
    if row is None:
        raise NotFound(NO_WEBHOOK)
    return Webhook(**row)
