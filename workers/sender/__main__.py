"""Entry point of the sender: watching batches and sending notices, a thread each."""

from functools import partial
from threading import Event

from app.config import Settings
from app.db.connections import Pool
from app.db.wakeups import WakeUpListener
from app.metrics.sender import SENDER, SERVICES
from app.webhooks.deliveries import seconds_until_due_work
from workers.loop import run_repeatedly
from workers.sender.sending import DeliverySender
from workers.sender.watching import BatchWatcher
from workers.sender.webhook_client import WebhookClient
from workers.service import run_services
from workers.sleeper import Sleeper

#: Seconds between two checks when nothing is due: the delay of a notice against the cost of an idle sender.
PAUSE_S = 0.25

#: Seconds between two such checks where PostgreSQL cannot wake the sender.
IDLE_POLL_S = 0.5

_repeat = partial(run_repeatedly, pause_s=PAUSE_S, metrics=SERVICES)


def run_sender() -> None:
    """Run the sender until SIGTERM or SIGINT; running attempts are completed first."""
    run_services("sender", (_watch, _send), metrics=SENDER)


def _watch(pool: Pool, settings: Settings, stop: Event) -> None:
    watcher = BatchWatcher(pool)
    listener = WakeUpListener(settings, name="sender", queue="webhook_watch")
    with Sleeper(
        listener,
        stop,
        has_work=lambda: watcher.has_due_batches,
        due_in_s=lambda connection: seconds_until_due_work(connection).watch_s,
        idle_poll_s=IDLE_POLL_S,
    ) as sleeper:
        _repeat(watcher.run_once, stop=stop, name="watching", sleeper=sleeper)


def _send(pool: Pool, settings: Settings, stop: Event) -> None:
    client = WebhookClient(timeout_s=settings.webhook_timeout_s, private=settings.webhook_private_networks)
    listener = WakeUpListener(settings, name="sender", queue="webhook_delivery")
    with (
        DeliverySender(pool, settings, client) as sender,
        Sleeper(
            listener,
            stop,
            has_work=lambda: sender.has_work,
            due_in_s=lambda connection: seconds_until_due_work(connection).delivery_s,
            idle_poll_s=IDLE_POLL_S,
        ) as sleeper,
    ):
        _repeat(lambda: sender.run_once() or sender.await_answer(), stop=stop, name="sending", sleeper=sleeper)
        sender.finish()


if __name__ == "__main__":
    run_sender()
