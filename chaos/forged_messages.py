"""Messages that the relay did not write: real ones with changed parts, and garbage."""

import base64
import json  # noqa: TID251  it writes integers of any size, as kombu does
import zlib
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any

from uuid_utils import uuid7

Raw = dict[str, Any]

FORGED_LINE = "1\n2026-11-28 00:00:00,000 CRITICAL app.web: FORGED"
#: Values that no field expects.
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**31, 10**30, 1.5, "", "x", "\x00", FORGED_LINE, [], {}, [[]], {"a": {}}, "A" * 10_000),
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "2999-01-01T00:00:00+00:00",
)
#: Texts that are no messages.
GARBAGE = (
    *(b"", b"garbage", b"{", b"[]", b"null", b"1", b"{}", b'"text"', b"\xff\xfe\x00", b"[" * 100_000, b"A" * 5_000_000),
    b'{"__type__": "uuid", "__value__": 7}',
    b'{"body": {"__type__": "decimal", "__value__": "x"}, "properties": {}}',
    b'{"properties": {}}',
    b'{"headers": null, "properties": {"delivery_tag": "1", "delivery_info": {}}, "body": ""}',
)


def body_of(message: Raw) -> Any:
    """Return the decoded body of a raw message."""
    return json.loads(base64.b64decode(message["body"]))


def with_body(message: Raw, body: Any) -> Raw:
    """Return *message* with another body."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return {**deepcopy(message), "body": base64.b64encode(text).decode()}


def with_headers(message: Raw, **headers: Any) -> Raw:
    """Return *message* with other headers."""
    return {**message, "headers": {**message["headers"], **headers}}


def without_first_job(message: Raw) -> Raw:
    """Return *message* without the first of its jobs."""
    (workspace_id, job_ids), keywords, callbacks = body_of(message)
    return with_body(message, [[workspace_id, job_ids[1:]], keywords, callbacks])


def bomb(message: Raw, megabytes: int = 400) -> Raw:
    """Return *message* with a body that decompresses to a number of megabytes."""
    packer = zlib.compressobj()
    packed = b"".join(packer.compress(b" " * 2**20) for _ in range(megabytes)) + packer.flush()
    return with_headers(with_body(message, packed), compression="application/x-gzip")


def forged(message: Raw, random: Random, count: int) -> Iterator[Raw]:
    """Yield *count* messages like *message*, each with one changed part."""
    makers: tuple[Callable[[Raw, Random], Raw], ...] = (
        *(_odd_header, _odd_header, _odd_argument, _odd_body, _odd_property, _odd_part),
        *(_some_jobs, _own_task),
    )
    for _ in range(count):
        yield random.choice(makers)(message, random)


def _odd_header(message: Raw, random: Random) -> Raw:
    own = ("installation", "request_ids", "refused_attempts", "compression", "stamped_headers", "stamps")
    return with_headers(message, **{random.choice((*message["headers"], *own)): random.choice(ODD)})


def _odd_argument(message: Raw, random: Random) -> Raw:
    arguments, keywords, callbacks = body_of(message)
    match random.choice(("workspace", "jobs", "job", "callback")):
        case "workspace":
            arguments[0] = random.choice(ODD)
        case "jobs":
            arguments[1] = random.choice(ODD)
        case "job":
            arguments[1] = [*arguments[1], random.choice(ODD)]
        case _:
            callbacks = {**callbacks, random.choice((*callbacks, "other")): random.choice(ODD)}
    return with_body(message, [arguments, keywords, callbacks])


def _odd_body(message: Raw, random: Random) -> Raw:
    return with_body(message, random.choice((*ODD, *GARBAGE[:10])))


def _odd_property(message: Raw, random: Random) -> Raw:
    return {
        **message,
        "properties": {**message["properties"], random.choice([*message["properties"]]): random.choice(ODD)},
    }


def _odd_part(message: Raw, random: Random) -> Raw:
    return {**message, random.choice([*message]): random.choice(ODD)}


def _some_jobs(message: Raw, random: Random) -> Raw:
    """Return a message with jobs in another order, some left out, and unknown ones."""
    (workspace_id, job_ids), keywords, callbacks = body_of(message)
    chosen = [*random.sample(job_ids[1:], random.randrange(len(job_ids))), str(uuid7())]
    return with_body(message, [[workspace_id, chosen], keywords, callbacks])


def _own_task(message: Raw, random: Random) -> Raw:
    tasks = ("celery.backend_cleanup", "celery.chord_unlock", "celery.group", "os.system", FORGED_LINE)
    return with_headers(message, task=random.choice(tasks))
