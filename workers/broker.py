"""The relay's connection to the broker: publishes lanes in one round trip and counts waiting messages."""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self
from uuid import UUID

from celery import Celery
from kombu.connection import Connection
from kombu.exceptions import ChannelError, KombuError
from kombu.messaging import Producer

from app.errors import BrokerUnavailable
from workers.broker_errors import to_broker_unavailable
from workers.celery import queue_name
from workers.messages import AMQP_PRIORITIES, LANE_TASK, REDIS_PRIORITIES, Urgency

#: The keys of lists of replies in Redis, and their expiry in seconds: longer than any client waits for replies.
REPLIES = "*.reply.celery.pidbox*"
REPLIES_LAST_S = 600
#: Keys that Redis reads for one call.
SCANNED_KEYS = 1_000
#: What Redis returns as the remaining time of a key that does not expire.
WITHOUT_EXPIRY = -1


class Broker:
    """A connection to the broker, opened at its first use and after every failure."""

    def __init__(self, celery: Celery, installation: Callable[[], str] = str) -> None:
        """Use the queue of the installation whose name *installation* returns."""
        self._celery = celery
        self._installation = installation
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        """Return the broker itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def publish(
        self,
        *,
        workspace_id: int,
        tasks: Mapping[UUID, Sequence[UUID]],
        headers: Mapping[UUID, Mapping[str, object]] | None = None,
        urgencies: Mapping[UUID, Urgency] | None = None,
    ) -> None:
        """Publish a message with the job ids for each task id of *tasks*, all in one round trip.

        *headers* are the headers of the messages by task id, and *urgencies* decide which one a worker takes first.

        Raises BrokerUnavailable when the broker does not accept them; some may have arrived.
        """
        installation = self._installation()
        priority_of = self._priorities()
        try:
            producer = Producer(self._open().default_channel, auto_declare=False)
            with producer.batch(max_size=max(1, len(tasks))):
                for task_id, job_ids in tasks.items():
                    self._celery.send_task(
                        LANE_TASK,
                        args=(workspace_id, [str(job_id) for job_id in job_ids]),
                        task_id=str(task_id),
                        queue=queue_name(installation),
                        producer=producer,
                        retry=False,
                        priority=priority_of[(urgencies or {}).get(task_id, Urgency.ORDINARY)],
                        headers={"installation": installation, **((headers or {}).get(task_id) or {})},
                    )
        except self._failures() as error:
            raise self._unavailable("did not accept the relay's messages", error) from error

    def count_messages(self) -> int:
        """Return how many messages wait in the queue; raise BrokerUnavailable when the broker does not answer."""
        queue = queue_name(self._installation())
        try:
            channel = self._open().default_channel
            declared = channel.queue_declare(queue=queue, passive=True)
        except ChannelError:
            # The queue is not declared yet, so it is empty.
            self.close()
            return 0
        except self._failures() as error:
            raise self._unavailable("does not count its messages", error) from error
        return int(declared.message_count)

    def expire_replies(self) -> int:
        """Let each list of replies to a client such as `celery inspect` expire; return how many had no expiry yet.

        A client that is killed leaves its list in Redis, where it would stay; RabbitMQ deletes such queues itself.
        Raises BrokerUnavailable when the broker does not answer.
        """
        try:
            client = getattr(self._open().default_channel, "client", None)
            if client is None:
                return 0
            lists = client.scan_iter(match=REPLIES, count=SCANNED_KEYS, _type="list")
            lasting = [key for key in lists if client.ttl(key) == WITHOUT_EXPIRY]
            for key in lasting:
                client.expire(key, REPLIES_LAST_S)
        except self._failures() as error:
            raise self._unavailable("does not list its replies", error) from error
        return len(lasting)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.release()
            self._connection = None

    def _priorities(self) -> Mapping[Urgency, int]:
        """Return the priorities of messages in the broker's own scale."""
        is_redis = self._celery.connection_for_write().transport.driver_type == "redis"
        return REDIS_PRIORITIES if is_redis else AMQP_PRIORITIES

    def _open(self) -> Connection:
        if self._connection is None:
            # No heartbeat: nothing would send it between two rounds. A silent connection fails at its next use.
            self._connection = self._celery.connection_for_write(heartbeat=0)
            # Unlike connect(), without pauses of its own before the second try: the caller waits.
            self._connection.ensure_connection(
                max_retries=1, interval_start=0, interval_step=0, interval_max=0, reraise_as_library_errors=False
            )
        return self._connection

    def _failures(self) -> tuple[type[BaseException], ...]:
        """Return the errors of the transport while the broker is unavailable."""
        transport = self._celery.connection_for_write().transport
        return (KombuError, OSError, *transport.connection_errors, *transport.channel_errors)

    def _unavailable(self, what: str, error: BaseException) -> BrokerUnavailable:
        """Drop the connection and return the error to raise."""
        if self._connection is not None:
            # Without the handshake of close(), which waits for a broker that may be silent.
            self._connection.collect()
            self._connection = None
        return to_broker_unavailable(error, what)
