"""Celery's consumer without queues for delayed tasks.

With quorum queues Celery declares 28 queues for tasks that start later, at the start of each worker. Mergelane has no
such tasks: the ledger decides when a job is due.
"""

from typing import ClassVar

from celery.worker.consumer import Consumer as CeleryConsumer

UNUSED = "celery.worker.consumer.delayed_delivery:DelayedDelivery"


class Consumer(CeleryConsumer):
    """The consumer of a worker."""

    class Blueprint(CeleryConsumer.Blueprint):
        """The steps by which it starts."""

        default_steps: ClassVar[list[str]] = [step for step in CeleryConsumer.Blueprint.default_steps if step != UNUSED]
