"""The webhooks of a workspace: creation, reading, changes, deletion and rotation of their secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.ids import new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict, NotFound
from app.webhooks.secrets import SecretSeed, new_secret_seed
from schemas.webhooks import WebhookChange

QUERIES = load_queries("app.webhooks", "webhooks.sql")

#: The most webhooks that a workspace may have.
MOST = 20
#: Seconds for which the secret before a rotation continues to sign beside the new one.
FORMER_S = 24 * 3600.0
NO_WEBHOOK = "There is no webhook with this id."
TOO_MANY = f"The workspace already has {MOST} webhooks; delete one first."


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook without its secret."""

    id: UUID
    url: str
    types: Sequence[str]
    description: str
    enabled: bool
    #: Why Mergelane disabled it; None when the workspace did.
    disabled_reason: str | None
    created_at: datetime
    #: Until when the secret before the last rotation signs too; None without a rotation.
    former_until: datetime | None


def create_webhook(tx: Transaction, wish: WebhookChange, *, peppers: Sequence[str]) -> tuple[Webhook, SecretSeed]:
    """Create a webhook and return it with its secret's seed; raise Conflict when the workspace has too many."""
    seed = new_secret_seed(peppers)
    values = {"id": new_id(), "most": MOST, **asdict(wish), **asdict(seed)}
    row = tx.execute(QUERIES["create_webhook"], values).fetchone()
    if row is None:
        raise Conflict(TOO_MANY)
    return Webhook(**row), seed


def list_webhooks(tx: Transaction) -> list[Webhook]:
    """Return the webhooks of a workspace, oldest first."""
    return [Webhook(**row) for row in tx.execute(QUERIES["list_webhooks"])]


def read_webhook(tx: Transaction, *, webhook_id: UUID) -> Webhook:
    """Return a webhook; raise NotFound when the workspace has none of that id."""
    return _one(tx, "read_webhook", {"id": webhook_id})


def update_webhook(tx: Transaction, wish: WebhookChange, *, webhook_id: UUID) -> Webhook:
    """Change the fields that *wish* gives and return the webhook; raise NotFound when there is none of that id."""
    return _one(tx, "change_webhook", {"id": webhook_id, **asdict(wish)})


def delete_webhook(tx: Transaction, *, webhook_id: UUID) -> None:
    """Delete a webhook with its deliveries; raise NotFound when there is none of that id."""
    if tx.execute(QUERIES["delete_webhook"], {"id": webhook_id}).fetchone() is None:
        raise NotFound(NO_WEBHOOK)


def rotate_webhook_secret(tx: Transaction, *, webhook_id: UUID, peppers: Sequence[str]) -> tuple[Webhook, SecretSeed]:
    """Give a webhook a new secret and return it with the secret's seed; the former secret signs for one more day.

    Raises NotFound when there is none of that id.
    """
    seed = new_secret_seed(peppers)
    values = {"id": webhook_id, "former_s": FORMER_S, **asdict(seed)}
    return _one(tx, "rotate_secret", values), seed


def _one(tx: Transaction, query: str, values: Mapping[str, Any]) -> Webhook:
    """Return the row of *query* as a webhook; raise NotFound when there is none."""
    row = tx.execute(QUERIES[query], values).fetchone()
    if row is None:
        raise NotFound(NO_WEBHOOK)
    return Webhook(**row)
