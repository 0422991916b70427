"""Checks of the broker: reachable, new enough, keeps all messages, used by Mergelane only; and of the workers."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any, cast

import redis
from celery import Celery

from app.broker_url import parse_broker_url
from app.config import Settings
from app.errors import NO_ANSWER
from cli.doctor.database import is_local
from cli.doctor.findings import Finding, fine, notice, wrong
from workers.broker_errors import REASONS, cause_of
from workers.celery import QUEUE, make_celery

#: The oldest server version that is tested.
OLDEST = (6, 2)
#: Keys of the database that are read, and foreign keys that a finding lists.
SAMPLED_KEYS = 2_000
LISTED_KEYS = 3
#: The keys of Mergelane, Celery and kombu in Redis.
OWN_KEYS = (
    # Other installations of Mergelane on this broker are fine: their queues and keys have names of their own.
    f"{QUEUE}*",
    *(
        f"_kombu.{kind}.{name}"
        for kind in ("binding", "binding_permanent")
        for name in (f"{QUEUE}*", "celeryev", "*pidbox")
    ),
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


def check_broker(settings: Settings) -> tuple[list[Finding], list[str]]:
    """Return the findings about the broker, and the names of the workers that respond through it."""
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
            found = (
                list(_check_redis(channel.client)) if hasattr(channel, "client") else [fine("broker", "It responds.")]
            )
            workers = _ping_workers(celery)
    except Exception as error:  # noqa: BLE001  each transport has its own errors
        return [_unavailable(error)], []
    return [*found, *_check_encryption(settings.broker_url), _check_workers(workers)], workers


def _unavailable(error: Exception) -> Finding:
    cause = cause_of(error)
    if cause != NO_ANSWER:
        reason = f", {REASONS[cause]}" if cause in REASONS else ""
        return wrong(
            "broker",
            f"The broker refuses commands ({cause}{reason}). Requests are accepted, but no job runs.",
            "End the cause. The processes wait, and continue without a restart.",
        )
    return wrong(
        "broker",
        f"Cannot connect to the broker at BROKER_URL ({type(error).__name__}). Requests are accepted, but no job runs.",
        "Start the broker, or correct BROKER_URL.",
    )


def _check_redis(client: "redis.Redis") -> Iterator[Finding]:
    info: Mapping[str, Any] = cast("Mapping[str, Any]", client.info())
    yield _check_version(str(info["redis_version"]))
    yield from _check_memory(info)
    yield _check_persistence(client, info)
    yield _check_keys(client)


def _check_version(version: str) -> Finding:
    if tuple(map(int, version.split(".")[:2])) < OLDEST:
        return wrong(
            "broker",
            f"Redis {version} is older than {'.'.join(map(str, OLDEST))}, the oldest version that Mergelane supports.",
            "Upgrade the server.",
        )
    return fine("broker", f"Redis {version} responds.")


def _check_memory(info: Mapping[str, Any]) -> Iterator[Finding]:
    policy, most = str(info["maxmemory_policy"]), int(info["maxmemory"])
    remedy = "Set maxmemory-policy noeviction on the server."
    if policy == "noeviction":
        yield fine("broker memory", "Redis refuses writes when its memory is full, and deletes no key.")
    elif most:
        yield wrong(
            "broker memory",
            f"Redis deletes keys when its memory is full (maxmemory-policy {policy}): messages are lost, and their jobs"
            " wait for rescue.",
            remedy,
        )
    else:
        yield notice(
            "broker memory", f"Redis would delete keys if maxmemory were set (maxmemory-policy {policy}).", remedy
        )


def _check_persistence(client: "redis.Redis", info: Mapping[str, Any]) -> Finding:
    """Report whether the server is persistent; both are fine."""
    writes = bool(info.get("aof_enabled"))
    with suppress(redis.ResponseError):  # some providers forbid this command
        writes = writes or any(cast("Mapping[str, str]", client.config_get("save")).values())
    if writes:
        return fine(
            "broker persistence", "Redis is persistent. Mergelane does not need this: the ledger has every job."
        )
    return fine(
        "broker persistence", "Redis is not persistent. Mergelane does not need this: the ledger has every job."
    )


def _check_keys(client: "redis.Redis") -> Finding:
    """Report keys of other applications in this Redis database."""
    keys = (_key_name(key) for key in islice(client.scan_iter(count=500), SAMPLED_KEYS))
    foreign = sorted({key for key in keys if not any(fnmatchcase(key, pattern) for pattern in OWN_KEYS)})
    if not foreign:
        return fine("broker database", "No other application uses this Redis database.")
    examples = ", ".join(key.partition(":")[0][:40] for key in foreign[:LISTED_KEYS])
    return wrong(
        "broker database",
        f"Another application uses this Redis database: it has {len(foreign)} foreign keys, such as {examples}. The"
        " shortest visibility timeout of all Celery applications applies to the whole database.",
        "Use another database for Mergelane: another number at the end of BROKER_URL.",
    )


def _key_name(key: object) -> str:
    """Return the name of a key; some clients return bytes."""
    return key.decode(errors="replace") if isinstance(key, bytes) else str(key)


def _ping_workers(celery: Celery) -> list[str]:
    """Return the names of the workers that respond."""
    replies = celery.control.ping(timeout=PING_S)
    return sorted(name for reply in replies for name in reply)


def _check_workers(workers: list[str]) -> Finding:
    if workers:
        return fine("workers", f"{len(workers)} workers respond: {', '.join(workers)}.")
    return wrong(
        "workers",
        f"No worker responds within {PING_S:g} s. Requests are accepted, but no job runs.",
        "Start workers with the command in the Procfile: `celery -A workers worker --pool solo -E`.",
    )


def _check_encryption(broker_url: str) -> Iterator[Finding]:
    """Report connections to the broker without encryption or without a check of its certificate."""
    broker = parse_broker_url(broker_url)
    if broker.is_encrypted and broker.check != "required":
        yield notice(
            "encryption",
            "BROKER_URL accepts any certificate: another server could take the place of the broker.",
            "Add ssl_cert_reqs=required to BROKER_URL, and ssl_ca_certs=PATH for a private certificate authority.",
        )
    remote = [host for host, _ in broker.servers if not is_local(host)]
    if remote and not broker.is_encrypted:
        yield notice(
            "encryption",
            f"The connection to the broker on {', '.join(remote)} is not encrypted. It carries only ids of jobs, but"
            " an attacker who can write to it can delay jobs.",
            "Use rediss:// or amqps:// in BROKER_URL.",
        )
