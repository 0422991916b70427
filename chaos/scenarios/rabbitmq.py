"""RabbitMQ as the broker, with quorum queues."""

import base64
import signal
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event
from typing import Any, cast
from uuid import UUID

from kombu.connection import Connection
from kombu.exceptions import ChannelError, OperationalError

from app.config import Settings
from app.db.installation import connect_and_read_name
from app.environment import child_environ
from chaos.faults import make_fault, pause
from chaos.forged_messages import GARBAGE, Raw, forged
from chaos.installation import Installation
from chaos.keeper import KeptProcess
from chaos.proxy import Proxy
from chaos.scenarios.scenario import Scenario, find_program
from cli.up.processes import Program
from demo.product import free_port
from workers.celery import queue_name
from workers.messages import LANE_TASK

PACKAGE = "rabbitmq-server"
#: Debian's /usr/sbin/rabbitmq-server refuses users other than root and rabbitmq.
SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
START_S = 120.0
FORGED = 300
#: Errors for values that AMQP cannot encode.
UNSENT = (ArithmeticError, AttributeError, TypeError, ValueError, struct.error)
#: The message to forge from if no message waits.
NO_MESSAGE: Raw = {
    "headers": {"task": LANE_TASK, "id": str(UUID(int=0)), "lang": "py"},
    "content-type": "application/json",
    "content-encoding": "utf-8",
    "properties": {"correlation_id": str(UUID(int=0))},
    "body": base64.b64encode(b'[[1, ["%s"]], {}, {}]' % str(UUID(int=0)).encode()).decode(),
}
TIMEOUT_S = 5


class RabbitInstallation(Installation):
    """An installation on one RabbitMQ node behind a proxy; the Redis beside it is not used."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str]) -> None:
        super().__init__(folder, settings=settings)
        self._port = free_port()
        self._home = folder / "rabbitmq"
        self.rabbit_proxy = Proxy(lambda: self._port)
        self.rabbit: KeptProcess

    @property
    def broker_url(self) -> str:
        """The URL of the broker, without the proxy."""
        return f"amqp://guest:guest@127.0.0.1:{self._port}//"

    @property
    def proxied_broker_url(self) -> str:
        """The URL of the broker through the proxy."""
        return f"amqp://guest:guest@127.0.0.1:{self.rabbit_proxy.port}//"

    def count_messages(self) -> int:
        """Return the number of messages that wait in the queue."""
        queue = queue_name(connect_and_read_name(Settings(database_url=self.database_url)))
        with self._connection() as connection:
            try:
                return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
            except ChannelError:
                return 0
            except OperationalError as error:
                raise OSError(str(error)) from error

    def start_broker(self) -> None:
        """Start RabbitMQ, the port mapper of its Erlang, and the proxy."""
        self._home.mkdir()
        (self._home / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self._port}\n", encoding="utf-8")
        epmd = str(free_port())
        environ = child_environ(
            HOME=str(self._home),
            ERL_EPMD_PORT=epmd,
            ERL_EPMD_ADDRESS="127.0.0.1",
            RABBITMQ_NODENAME="chaos@localhost",
            RABBITMQ_DIST_PORT=str(free_port()),
            RABBITMQ_MNESIA_BASE=str(self._home / "mnesia"),
            RABBITMQ_LOG_BASE=str(self._home),
            RABBITMQ_LOGS="-",
            RABBITMQ_CONFIG_FILE=str(self._home / "rabbitmq.conf"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(self._home / "enabled_plugins"),
        )
        self._keep("epmd", [find_program("epmd", PACKAGE), "-port", epmd], environ)
        self.rabbit = self._keep("rabbitmq", [SERVER], environ)
        self.rabbit_proxy.start()
        self.wait_for_broker()

    def wait_for_broker(self) -> None:
        """Wait until RabbitMQ accepts connections."""
        what = f"RabbitMQ; its log is {self.log_of('rabbitmq')}"
        self.keeper.wait_until(self._answers, seconds=START_S, what=what)

    def publish_forged(self, rng: Random, *, count: int) -> int:
        """Publish garbage and *count* forged messages; return how many RabbitMQ accepted."""
        queue = queue_name(connect_and_read_name(Settings(database_url=self.database_url)))
        published = 0
        with self._connection() as connection:
            channel: Any = connection.default_channel
            found = channel.basic_get(queue)
            raw = _raw_message(found) if found is not None else NO_MESSAGE
            for body in GARBAGE:
                channel.basic_publish(channel.prepare_message(body), routing_key=queue)
            for message in forged(raw, rng, count):
                with suppress(
                    *connection.channel_errors,
                    *connection.connection_errors,
                    ArithmeticError,
                    AttributeError,
                    TypeError,
                    ValueError,
                    struct.error,
                ):
                    channel.basic_publish(_amqp_message(channel, message), routing_key=queue)
                    published += 1
            if found is not None:
                channel.basic_reject(found.delivery_tag, requeue=True)
        return published

    def make_whole(self) -> None:
        """Repair all faults."""
        super().make_whole()
        self.rabbit_proxy.refuse(refusing=False)
        self.rabbit_proxy.stall(stalled=False)
        self.wait_for_broker()

    def stop(self) -> None:
        """Stop everything."""
        super().stop()
        self.rabbit_proxy.stop()

    def _keep(self, name: str, command: list[str], environ: Mapping[str, str]) -> KeptProcess:
        program = Program(
            name=name, command=command, environ=environ, log=self.log_of(name), directory=self._home, stop_seconds=20.0
        )
        return self.keeper.keep(KeptProcess(program))

    def _connection(self) -> Connection:
        return Connection(self.broker_url, connect_timeout=TIMEOUT_S)

    def _answers(self) -> bool:
        with self._connection() as connection:
            try:
                connection.connect()
            except (OperationalError, OSError):
                return False
        return True


def _raw_message(message: Any) -> Raw:
    """Return a message of RabbitMQ in the format of Redis."""
    properties = dict(message.properties)
    return {
        "headers": properties.pop("application_headers", {}),
        "content-type": properties.pop("content_type", None),
        "content-encoding": properties.pop("content_encoding", None),
        "properties": properties,
        "body": base64.b64encode(message.body if isinstance(message.body, bytes) else message.body.encode()).decode(),
    }


def _amqp_message(channel: Any, raw: Raw) -> Any:
    return channel.prepare_message(
        base64.b64decode(raw["body"]),
        content_type=raw["content-type"],
        content_encoding=raw["content-encoding"],
        headers=raw["headers"],
        properties=raw["properties"],
    )


def silence_rabbitmq(installation: Installation, _: Random, __: Event) -> None:
    """Drop all bytes of the connections to RabbitMQ without closing them: neither side gets a FIN."""
    cast("RabbitInstallation", installation).rabbit_proxy.silence()


def cut_rabbitmq(installation: Installation, _: Random, __: Event) -> None:
    """Reset every connection to RabbitMQ."""
    cast("RabbitInstallation", installation).rabbit_proxy.cut()


def restart_rabbitmq(installation: Installation, rng: Random, over: Event) -> None:
    """Shut RabbitMQ down and start it later; the quorum queue keeps its messages."""
    home = cast("RabbitInstallation", installation)
    home.rabbit.hold_down(signal.SIGTERM)
    pause(rng, over, 0.5, 3)
    home.rabbit.let_up()
    home.wait_for_broker()


def kill_rabbitmq(installation: Installation, _: Random, __: Event) -> None:
    """Kill RabbitMQ; it starts again at once."""
    home = cast("RabbitInstallation", installation)
    home.rabbit.send_all(signal.SIGKILL)
    home.wait_for_broker()


def freeze_rabbitmq(installation: Installation, rng: Random, over: Event) -> None:
    """Stall all traffic of RabbitMQ for a while; connections stay open."""
    proxy = cast("RabbitInstallation", installation).rabbit_proxy
    proxy.stall(stalled=True)
    pause(rng, over, 2, 6)
    proxy.stall(stalled=False)


def forge_messages(installation: Installation, rng: Random, _: Event) -> None:
    """Publish messages that the relay did not write, made from one of its own where one waits."""
    home = cast("RabbitInstallation", installation)
    home.publish_forged(rng, count=FORGED)


def _require() -> None:
    find_program("rabbitmqctl", PACKAGE)
    find_program("epmd", PACKAGE)


RABBITMQ = Scenario(
    name="rabbitmq",
    prose="RabbitMQ with quorum queues",
    build=RabbitInstallation,
    faults=[
        make_fault(harm)
        for harm in (
            silence_rabbitmq,
            cut_rabbitmq,
            restart_rabbitmq,
            kill_rabbitmq,
            freeze_rabbitmq,
            forge_messages,
        )
    ],
    require=_require,
)
