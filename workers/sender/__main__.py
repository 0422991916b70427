"""Entry point of the sender: watching batches and sending notices, a thread each."""

from functools import partial
from threading import Event

from app.config import Settings
from app.db.connections import Pool
from app.metrics.sender import SENDER, SERVICES
from workers.loop import run_repeatedly
from workers.sender.sending import DeliverySender
from workers.sender.watching import BatchWatcher
from workers.sender.webhook_client import WebhookClient
from workers.service import run_services

#: Seconds between two checks when nothing is due: the delay of a notice against the cost of an idle sender.
PAUSE_S = 0.25

_repeat = partial(run_repeatedly, pause_s=PAUSE_S, metrics=SERVICES)


def run_sender() -> None:
    """Run the sender until SIGTERM or SIGINT; running attempts are completed first."""
    run_services("sender", (_watch, _send), metrics=SENDER)


def _watch(pool: Pool, settings: Settings, stop: Event) -> None:
    del settings
    _repeat(BatchWatcher(pool).run_once, stop=stop, name="watching")


def _send(pool: Pool, settings: Settings, stop: Event) -> None:
    client = WebhookClient(timeout_s=settings.webhook_timeout_s, private=settings.webhook_private_networks)
    with DeliverySender(pool, settings, client) as sender:
        _repeat(sender.run_once, stop=stop, name="sending")
        sender.finish()


if __name__ == "__main__":
    run_sender()
