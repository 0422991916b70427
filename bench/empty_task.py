"""A Celery task that does nothing: the lower bound for the time of a single update through a broker.

Its worker runs one task at a time in its own process, like the product's workers. Run it with

    celery -A bench.empty_task worker --pool solo -Q bench-empty
"""

from celery import Celery

from app.config import Settings
from app.environment import drop_celery_overrides

NAME, QUEUE = "bench_empty", "bench-empty"


def make_app(broker_url: str) -> Celery:
    """Return an application with the task, whose results are also on the broker."""
    made = Celery("empty", set_as_current=False, broker=broker_url, backend=broker_url)
    made.conf.update(
        broker_connection_retry_on_startup=True,
        task_default_queue=QUEUE,
        result_expires=60,
        # The lists and keys of the product on the same server have other names.
        worker_send_task_events=False,
    )
    made.task(_do_nothing, name=NAME)
    return made


def _do_nothing() -> None:
    """Do nothing."""


drop_celery_overrides()
app = make_app(Settings.from_environ().broker_url)
