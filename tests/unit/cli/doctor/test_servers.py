"""The doctor's checks of servers and processes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from app.config import Settings
from cli.doctor import broker, database, processes
from cli.doctor.findings import Level

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUIET = {
    "log_min_messages": "log",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "-1",
}


@pytest.mark.parametrize(("number", "level"), [(150_004, "wrong"), (160_000, "fine"), (180_004, "fine")])
def test_an_old_postgres_is_wrong(number: int, level: str) -> None:
    assert database._check_version({"version_number": number, "version": "x"}).level == level


@pytest.mark.parametrize(("apart", "level"), [(0.0, "fine"), (1.9, "fine"), (2.1, "wrong"), (600.0, "wrong")])
def test_clocks_that_differ_are_wrong(apart: float, level: str) -> None:
    assert database._check_clock(apart).level == level


@pytest.mark.parametrize(("connections", "level"), [(97, "fine"), (23, "fine"), (22, "wrong")])
def test_too_few_connections_for_the_processes_are_wrong(connections: int, level: str) -> None:
    settings = Settings(web_processes=2, pool_size=8)

    assert database._check_connections(connections, settings, 4).level == level


def test_a_server_that_logs_no_rows_has_no_finding() -> None:
    assert list(database._check_log(QUIET)) == []


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"log_min_messages": "warning"}, "log_min_messages = warning"),
        ({"log_statement": "all"}, "log_statement = all"),
        ({"log_min_duration_statement": "0"}, "log_min_duration_statement"),
    ],
)
def test_a_server_that_may_log_rows_is_a_notice(changed: dict[str, str], named: str) -> None:
    (finding,) = database._check_log(QUIET | changed)

    assert finding.level == Level.NOTICE
    assert named in finding.sentence


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("postgresql://u@/d?host=/run/postgres", False),
        ("postgresql://localhost/d", False),
        ("postgresql://127.0.0.1/d", False),
        ("postgresql://db.example.com/d?sslmode=verify-full", False),
        ("postgresql://db.example.com/d?sslmode=require", False),
        ("postgresql://db.example.com/d?sslmode=prefer", True),
        ("postgresql://db.example.com/d", True),
    ],
)
def test_clear_text_connections_over_a_network_are_a_notice(url: str, known: bool) -> None:
    assert bool(list(database._check_encryption(url))) is known


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("redis://localhost:6379/0", False),
        ("redis+socket:///run/redis.sock", False),
        ("rediss://cache.example.com/0", False),
        ("rediss://cache.example.com/0?ssl_cert_reqs=none", True),
        ("redis://cache.example.com/0", True),
        ("amqp://rabbit.example.com//", True),
        ("amqps://rabbit.example.com//", False),
    ],
)
def test_a_broker_without_tls_or_without_certificate_checks_is_a_notice(url: str, known: bool) -> None:
    assert bool(list(broker._check_encryption(url))) is known


@pytest.mark.parametrize(
    ("version", "level"), [("5.0.14", "wrong"), ("6.0.16", "wrong"), ("6.2.14", "fine"), ("7.4", "fine")]
)
def test_an_old_redis_is_wrong(version: str, level: str) -> None:
    assert broker._check_version(version).level == level


@pytest.mark.parametrize(
    ("policy", "maxmemory", "level"),
    [
        ("noeviction", 0, "fine"),
        ("noeviction", 100, "fine"),
        ("allkeys-lru", 100, "wrong"),
        ("volatile-ttl", 0, "notice"),
    ],
)
def test_a_redis_that_drops_keys_is_wrong(policy: str, maxmemory: int, level: str) -> None:
    (finding,) = broker._check_memory({"maxmemory_policy": policy, "maxmemory": maxmemory})

    assert finding.level == level


@pytest.mark.parametrize(
    ("options", "beyond"),
    [
        (["--address=127.0.0.1"], False),
        (["--address=::1"], False),
        (["--address=localhost"], False),
        (["--address=0.0.0.0"], True),
        (["--address=10.1.2.3"], True),
        (["--address=flower.internal"], True),
        ([], True),
    ],
)
def test_the_address_of_flower_is_read_from_its_options(options: Sequence[str], beyond: bool) -> None:
    assert processes._listens_beyond(["celery", "-A", "workers", "flower", *options]) is beyond


@pytest.mark.parametrize(
    ("command", "flower"),
    [
        (["celery", "-A", "workers", "flower"], True),
        (["celery", "-A", "shop", "flower"], False),
        (["celery", "-A", "workers", "worker"], False),
    ],
)
def test_our_flower_is_known_by_its_command(command: Sequence[str], flower: bool) -> None:
    assert processes._is_flower(command) is flower


def test_flower_without_a_password_is_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.process_iter", list)

    assert [finding.level for finding in processes.check_flower(Settings())] == [Level.NOTICE]
    assert list(processes.check_flower(Settings(flower_basic_auth="ada:lovelace"))) == []


class _Process:
    """Replaces a process of psutil."""

    pid = 4711

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self._command, self._environ = command, environ

    def cmdline(self) -> list[str]:
        return self._command

    def environ(self) -> dict[str, str]:
        return self._environ


@pytest.mark.parametrize(
    ("options", "environ", "wrong"),
    [
        (["--address=0.0.0.0"], {}, True),
        (["--address=0.0.0.0", "--basic-auth=ada:lovelace"], {}, False),
        (["--address=0.0.0.0"], {"FLOWER_BASIC_AUTH": "ada:lovelace"}, False),
        (["--address=127.0.0.1"], {}, False),
    ],
)
def test_a_flower_open_to_others_is_wrong(
    monkeypatch: pytest.MonkeyPatch, options: list[str], environ: dict[str, str], wrong: bool
) -> None:
    process: Any = _Process(["celery", "-A", "workers", "flower", *options], environ)
    monkeypatch.setattr("psutil.process_iter", lambda: [process])
    findings = list(processes.check_flower(Settings(flower_basic_auth="ada:lovelace")))

    assert [finding.level for finding in findings] == [Level.WRONG] * wrong
    assert all("process 4711" in finding.sentence for finding in findings)
