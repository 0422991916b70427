"""The broker as the processes will meet it: there, new enough, not dropping messages, shared with nobody."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any, cast
from urllib.parse import urlsplit

import redis
from celery import Celery

from app.config import Settings
from cli.doctor.database import is_near
from cli.doctor.findings import Finding, fine, notice, wrong
from workers.celery import QUEUE, make_celery
from workers.tls import tls_options

#: The oldest server that the tests were run on.
OLDEST = (6, 2)
#: Keys that are looked at, to see whether they are ours.
LOOKED_AT = 2_000
SHOWN = 3
#: Names that Mergelane, Celery and kombu give to what they keep in Redis.
OURS = (
    QUEUE,
    f"{QUEUE}\x06\x16*",
    *(f"_kombu.{kind}.{name}" for kind in ("binding", "binding_permanent") for name in (QUEUE, "celeryev", "*pidbox")),
    "_kombu.binding_deadlines",
    "*.celery.pidbox",
    "*.celery.pidbox\x06\x16*",
    "celeryev*",
    "unacked",
    "unacked_index",
    "unacked_mutex",
    "LIMITS:mergelane:*",
)
PING_S = 2.0


def examine(settings: Settings) -> tuple[list[Finding], list[str]]:
    """Return what is to be said about the broker, and the names of the workers that answer through it."""
    if not settings.broker_url:
        missing = wrong(
            "broker",
            "BROKER_URL is not set: relay, workers and Flower cannot start.",
            "Set it to redis://HOST:6379/0, or start everything with `mergelane up`.",
        )
        return [missing], []
    celery = make_celery(settings)
    try:
        with celery.connection_for_write() as connection:
            connection.connect()
            channel = connection.default_channel
            found = list(_redis(channel.client)) if hasattr(channel, "client") else [fine("broker", "It answers.")]
            workers = _workers(celery)
    except Exception as error:  # noqa: BLE001  every transport has errors of its own, and each means the same here
        return [_away(error)], []
    return [*found, *_encryption(settings.broker_url), _fleet(workers)], workers


def _away(error: Exception) -> Finding:
    """Return that the broker cannot be spoken to."""
    return wrong(
        "broker",
        f"The broker does not answer at BROKER_URL ({type(error).__name__}): requests are taken in, and wait.",
        "Start it, or correct BROKER_URL.",
    )


def _redis(client: "redis.Redis") -> Iterator[Finding]:
    """Yield what is to be said about a Redis."""
    told: Mapping[str, Any] = cast("Mapping[str, Any]", client.info())
    yield _version(str(told["redis_version"]))
    yield from _memory(told)
    yield _persistence(client, told)
    yield _company(client)


def _version(version: str) -> Finding:
    """Return whether the server is new enough."""
    if tuple(map(int, version.split(".")[:2])) < OLDEST:
        return wrong(
            "broker",
            f"Redis {version} is older than {'.'.join(map(str, OLDEST))}, the oldest that Mergelane runs on.",
            "Upgrade the server.",
        )
    return fine("broker", f"Redis {version} answers.")


def _memory(told: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield whether messages are dropped when the memory is full."""
    policy, most = str(told["maxmemory_policy"]), int(told["maxmemory"])
    way_out = "Set maxmemory-policy noeviction on the server."
    if policy == "noeviction":
        yield fine("broker memory", "Redis refuses writes when its memory is full, and drops nothing.")
    elif most:
        yield wrong(
            "broker memory",
            f"Redis drops keys when its memory is full (maxmemory-policy {policy}): messages are lost, and their jobs"
            " wait for the rescue.",
            way_out,
        )
    else:
        yield notice("broker memory", f"Redis would drop keys if its memory were bounded ({policy}).", way_out)


def _persistence(client: "redis.Redis", told: Mapping[str, Any]) -> Finding:
    """Return whether the server writes to its disk, which either way is well."""
    writes = bool(told.get("aof_enabled"))
    with suppress(redis.ResponseError):  # some providers do not let one ask
        writes = writes or any(cast("Mapping[str, str]", client.config_get("save")).values())
    if writes:
        return fine("broker persistence", "Redis writes to its disk, which is not needed: the ledger knows every job.")
    return fine("broker persistence", "Redis forgets all when it ends, which is well: the ledger knows every job.")


def _company(client: "redis.Redis") -> Finding:
    """Return whether somebody else keeps things in this database of the server."""
    keys = (_text(key) for key in islice(client.scan_iter(count=500), LOOKED_AT))
    foreign = sorted({key for key in keys if not any(fnmatchcase(key, pattern) for pattern in OURS)})
    if not foreign:
        return fine("broker database", "Nobody else uses this Redis database.")
    shown = ", ".join(key.partition(":")[0][:40] for key in foreign[:SHOWN])
    return wrong(
        "broker database",
        f"Somebody else uses this Redis database: {len(foreign)} keys are none of ours, such as {shown}. Of all"
        " visibility timeouts on one database the shortest holds for everybody.",
        "Give Mergelane a database of its own: another number at the end of BROKER_URL.",
    )


def _text(key: object) -> str:
    """Return the name of a key, whether the client reads it or not."""
    return key.decode(errors="replace") if isinstance(key, bytes) else str(key)


def _workers(celery: Celery) -> list[str]:
    """Return the names of the workers that answer."""
    replies = celery.control.ping(timeout=PING_S)
    return sorted(name for reply in replies for name in reply)


def _fleet(workers: list[str]) -> Finding:
    """Return whether there are workers."""
    if workers:
        return fine("workers", f"{len(workers)} workers answer: {', '.join(workers)}.")
    return wrong(
        "workers",
        f"No worker answers within {PING_S:g} s: jobs are accepted, and wait.",
        "Start workers: `celery -A workers worker --pool solo -E`, as the Procfile has it.",
    )


def _encryption(broker_url: str) -> Iterator[Finding]:
    """Yield whether what goes over a network to the broker goes encrypted, and to the right server."""
    options, host = tls_options(broker_url), urlsplit(broker_url).hostname or ""
    if options is not None and options["ssl_cert_reqs"] != ssl.CERT_REQUIRED:
        yield notice(
            "encryption",
            "Whoever answers in the place of the broker is believed: BROKER_URL takes any certificate.",
            "Say ssl_cert_reqs=required in BROKER_URL, and ssl_ca_certs=PATH where your authority is not a public one.",
        )
    if not is_near(host) and urlsplit(broker_url).scheme in {"redis", "amqp"}:
        yield notice(
            "encryption",
            f"What goes to the broker on {host} goes in clear text. It is ids of jobs alone, but whoever can write"
            " there can hold jobs up.",
            "Use rediss:// or amqps:// in BROKER_URL.",
        )
