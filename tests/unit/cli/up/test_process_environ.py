"""The secrets that each process of `mergelane up` gets."""

from pathlib import Path

import pytest

from app.config import Settings
from app.database_url import parse_database_url
from cli.up.process_environ import OWNERS, SECRETS, process_environ, secret_texts, url_of_processes

TRACES = "otel_exporter_otlp_endpoint"
REPLICA = "database_replica_url"


def test_a_process_gets_the_secrets_that_it_uses() -> None:
    assert {
        "migrate": {"database_url", "process_password"},
        "cli": {"database_url", REPLICA, "broker_url", "key_pepper", "webhook_pepper"},
        "web": {"database_url", REPLICA, "broker_url", "rate_limit_url", "key_pepper", "webhook_pepper", TRACES},
        "relay": {"database_url", REPLICA, "broker_url", TRACES},
        "sender": {"database_url", "webhook_pepper", TRACES},
        "worker": {"database_url", "broker_url", TRACES},
        "flower": {"broker_url", "flower_basic_auth"},
        "postgres": set(),
        "redis": set(),
    } == SECRETS


def test_a_secret_from_a_file_is_read_before_the_user_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pepper"
    file.write_text("0123456789abcdef\n")
    monkeypatch.delenv("MERGELANE_KEY_PEPPER", raising=False)
    monkeypatch.setenv("MERGELANE_KEY_PEPPER_FILE", str(file))
    web, relay = (process_environ(name, secret_texts()) for name in ("web", "relay"))

    assert web["MERGELANE_KEY_PEPPER"] == "0123456789abcdef"
    assert "MERGELANE_KEY_PEPPER" not in relay
    assert not {"MERGELANE_KEY_PEPPER_FILE"} & {*web, *relay}


def test_the_secrets_of_this_process_are_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "MERGELANE_KEY_PEPPER", "MERGELANE_DEV_API_KEY", "MERGELANE_PROCESS_PASSWORD"):
        monkeypatch.setenv(name, "a-secret-of-root")

    assert [name for name in SECRETS if "a-secret-of-root" in process_environ(name, {}).values()] == []


def test_variables_of_a_library_go_to_the_processes_that_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGSSLKEY", "FLOWER_COOKIE_SECRET", "OTEL_EXPORTER_OTLP_HEADERS"):
        monkeypatch.setenv(name, "secret")
    given = {
        process: {name for name, value in process_environ(process, {}).items() if value == "secret"}
        for process in SECRETS
    }

    assert given == {
        **{name: {"PGSSLKEY"} for name in OWNERS},
        **{name: {"PGSSLKEY", "OTEL_EXPORTER_OTLP_HEADERS"} for name in ("web", "relay", "sender", "worker")},
        "flower": {"FLOWER_COOKIE_SECRET"},
        "postgres": set(),
        "redis": set(),
    }


def test_the_processes_use_the_login_that_has_a_password() -> None:
    owner = "postgresql://owner:secret@db.example.com/shop?sslmode=require"
    settings = Settings(database_url=owner, process_password="p@ss/w%rd '\\")

    assert parse_database_url(url_of_processes(settings)["database_url"]) == {
        "host": "db.example.com",
        "dbname": "shop",
        "sslmode": "require",
        "user": "mergelane_processes",
        "password": "p@ss/w%rd '\\",
    }


def test_without_a_login_the_processes_use_the_url_and_the_password_of_the_operator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPASSWORD", "secret")
    secrets = url_of_processes(Settings(database_url="postgresql://owner@db/shop"))

    given = {name: process_environ(name, secrets).get("PGPASSWORD") for name in SECRETS}

    assert secrets["database_url"] == "postgresql://owner@db/shop"
    assert {name for name, password in given.items() if password} == {*OWNERS, "web", "relay", "sender", "worker"}
