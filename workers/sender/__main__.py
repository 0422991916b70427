"""The sender's entry: watching and sending, a thread each, until SIGTERM or SIGINT."""

import logging
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from app.config import Settings
from app.db.connections import Pool, open_pool
from app.db.schema_version import require_schema
from app.logs import configure_logging
from workers.loop import repeat
from workers.sender.sending import Sender
from workers.sender.watching import Watcher
from workers.sender.webhook_client import Courier

log = logging.getLogger(__name__)

#: Seconds between two looks when nothing is due: what a notice may be late, and what an idle sender costs.
PAUSE_S = 0.25


def main() -> None:
    """Run the sender until it is told to stop; what it has in hand is brought to its end first.

    Raises what a service failed with, when one did, and SetupError when the schema is older than this code needs.
    """
    settings = Settings.from_environ()
    configure_logging(settings)
    require_schema(settings)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("sender_started")
    services = (_watch, _send)
    with open_pool(settings, name="sender") as pool, ThreadPoolExecutor(len(services)) as threads:
        running = [threads.submit(_until_stopped, service, pool, settings, stop) for service in services]
        stop.wait()
    for service in running:
        service.result()
    log.info("sender_stopped")


def _until_stopped(
    service: Callable[[Pool, Settings, Event], None], pool: Pool, settings: Settings, stop: Event
) -> None:
    """Run *service*; when it fails the other stops too, so that the process ends and is started afresh."""
    try:
        service(pool, settings, stop)
    finally:
        stop.set()


def _watch(pool: Pool, settings: Settings, stop: Event) -> None:
    """Watch until told to stop."""
    repeat(Watcher(pool, settings).run_once, pause_s=PAUSE_S, stop=stop, name="watching")


def _send(pool: Pool, settings: Settings, stop: Event) -> None:
    """Send until told to stop."""
    courier = Courier(timeout_s=settings.webhook_timeout_s, private=settings.webhook_private_networks)
    with Sender(pool, settings, courier) as sender:
        repeat(sender.run_once, pause_s=PAUSE_S, stop=stop, name="sending")
        sender.finish()


if __name__ == "__main__":
    main()
