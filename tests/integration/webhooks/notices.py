"""Webhooks, merges and senders for the tests of webhooks."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from app.config import Settings
from app.db.connections import Connection, Pool
from tests.support.flask_caller import Caller
from tests.support.receiver import Receiver
from tests.support.waiting import wait_until
from workers.sender.sending import DeliverySender
from workers.sender.watching import BatchWatcher
from workers.sender.webhook_client import WebhookClient

Json = dict[str, Any]


class Notifier:
    """A sender without a process. The test runs its rounds."""

    def __init__(self, pool: Pool, settings: Settings, client: WebhookClient | None = None) -> None:
        self._watcher = BatchWatcher(pool)
        self.sender = DeliverySender(
            pool, settings, client or WebhookClient(timeout_s=settings.webhook_timeout_s, private=True)
        )

    def step(self) -> int:
        """Run one round of the watcher and of the sender."""
        return self._watcher.run_once() + self.sender.run_once()

    def until(self, condition: Callable[[], Any], *, what: str = "") -> Any:
        """Run rounds until *condition* is true, and return its value."""
        return wait_until(lambda: (self.step(), condition())[1], what=what)


def a_webhook(caller: Caller, receiver: Receiver, path: str = "/hook", **own: Any) -> Json:
    """Create a webhook at the receiver's *path* and return it with its secret."""
    answer = caller.post("/webhooks", {"url": receiver.url + path, **own})
    assert answer.status_code == 201, answer.text
    made: Json = answer.json
    return made


def a_merge(caller: Caller, *, orphan: str = "o", survivor: str = "s") -> str:
    """Request a merge of two profiles, which need not exist, and return the id of its batch."""
    pair = {"identifier_to_merge": {"external_id": orphan}, "identifier_to_keep": {"external_id": survivor}}
    answer = caller.post("/users/merge", {"merge_updates": [pair]})
    batch_id: str = answer.json["batch_id"]
    return batch_id


def notices_of(caller: Caller, webhook: Json, **query: Any) -> list[Json]:
    """Return the notices of a webhook from the API."""
    notices: list[Json] = caller.get(f"/webhooks/{webhook['webhook_id']}/notices", **query).json["notices"]
    return notices


def died(connection: Connection, batch_id: str) -> UUID:
    """Set the only job of a batch to dead and return its id."""
    query = "UPDATE job SET state = 'dead', reason = 'So.', finished_at = now() WHERE batch_id = %s RETURNING id"
    (job,) = connection.execute(query, [batch_id]).fetchall()
    job_id: UUID = job["id"]
    return job_id
