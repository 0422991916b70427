"""kombu's transport for Redis, for lists and hashes that may hold anything.

kombu's own transport raises the error of a malformed message in the worker's loop, which ends it. This one drops
the message. It also drops a message longer than MAX_BYTES before it is parsed. It gives each message the queue that it
was read from and a fresh delivery tag: a forged tag would replace the entry of another delivered message.
"""

import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty
from typing import Any, Final

import redis
from kombu.exceptions import InconsistencyError
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as base
from uuid_utils.compat import uuid7

from workers.messages import COMPRESSED, MAX_BYTES, NO_HEADERS, NO_JSON, TOO_LONG, MessageRefused, log_refusal

#: Errors of the server, which the consumer waits for.
SERVER_ERRORS: Final = (redis.RedisError, OSError, InconsistencyError)


class _QoS(base.QoS):
    """Delivered messages without an acknowledgement."""

    def restore_by_tag(self, tag: Any, *arguments: Any, **options: Any) -> None:
        """Put a delivered message back into its queue, or drop one that is malformed."""
        try:
            super().restore_by_tag(tag, *arguments, **options)  # type: ignore[no-untyped-call]
        except SERVER_ERRORS:
            raise
        except Exception:  # noqa: BLE001  the errors of parsing any text
            self._remove_from_indices(tag).execute()  # type: ignore[no-untyped-call]
            log_refusal(NO_JSON)


class _Guard:
    """What both kinds of channels do."""

    QoS = _QoS

    def _create_client(self, *arguments: Any, **options: Any) -> Any:
        client = super()._create_client(*arguments, **options)  # type: ignore[misc]
        client.set_response_callback("BRPOP", _drop_long)
        return client

    def _brpop_read(self, *arguments: Any, **options: Any) -> Any:
        with _without_parse_errors():
            return super()._brpop_read(*arguments, **options)  # type: ignore[misc]

    def _receive_one(self, *arguments: Any, **options: Any) -> Any:
        with _without_parse_errors():
            return super()._receive_one(*arguments, **options)  # type: ignore[misc]


@contextmanager
def _without_parse_errors() -> Iterator[None]:
    """Raise Empty, as if there were no message, when a message cannot be parsed."""
    try:
        yield
    except (*SERVER_ERRORS, Empty):
        raise
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        log_refusal(NO_JSON)
        raise Empty from None


class _Channel(_Guard, base.Channel):
    pass


class _SentinelChannel(_Guard, base.SentinelChannel):
    pass


class _GuardedDelivery:
    """What both kinds of transports do."""

    channels: Any

    def _deliver(self, message: Any, queue: str) -> None:
        is_fanout = any(queue in channel._fanout_queues for channel in self.channels)  # noqa: SLF001  it has no other name
        try:
            _check_envelope(message)
        except MessageRefused as refused:
            log_refusal(str(refused))
            return
        if not is_fanout:
            own = {"delivery_info": {"exchange": "", "routing_key": queue}, "delivery_tag": str(uuid7())}
            message = {**message, "properties": {**message["properties"], **own}}
        super()._deliver(message, queue)  # type: ignore[misc]


class Transport(_GuardedDelivery, base.Transport):
    """The transport of URLs redis:// and rediss://."""

    Channel = _Channel


class SentinelTransport(_GuardedDelivery, base.SentinelTransport):
    """The transport of URLs sentinel://."""

    Channel = _SentinelChannel


def use_guarded_transport() -> None:
    """Let kombu use these transports in this process."""
    transport = f"{__name__}:{Transport.__name__}"
    own = {"redis": transport, "rediss": transport, "sentinel": f"{__name__}:{SentinelTransport.__name__}"}
    TRANSPORT_ALIASES.update(own)


def _drop_long(reply: Any, **_: Any) -> Any:
    """Return the reply to BRPOP, a queue and a message; None, as after a timeout, for a message that is too long."""
    if not reply:
        return None
    if len(reply[1]) > MAX_BYTES:
        log_refusal(TOO_LONG)
        return None
    return tuple(reply)


def _check_envelope(message: Any) -> None:
    """Raise MessageRefused when kombu cannot make a message of the raw *message*, or would decompress it."""
    if not isinstance(message, dict):
        raise MessageRefused(NO_HEADERS)
    headers, properties = message.get("headers"), message.get("properties")
    if not isinstance(headers, dict) or not isinstance(properties, dict):
        raise MessageRefused(NO_HEADERS)
    if not isinstance(properties.get("delivery_info"), dict) or not isinstance(properties.get("delivery_tag"), str):
        raise MessageRefused(NO_HEADERS)
    if headers.get("compression"):
        raise MessageRefused(COMPRESSED)
    _check_base64(message.get("body"), properties)


def _check_base64(body: Any, properties: dict[str, Any]) -> None:
    if not isinstance(body, str) or properties.get("body_encoding") != "base64":
        raise MessageRefused(NO_JSON)
    try:
        binascii.a2b_base64(body)
    except ValueError as error:
        raise MessageRefused(NO_JSON) from error
