"""The Host header: the console is served under its own host names only."""

import pytest
from flask import Flask

from app.config import Settings
from app.errors import SetupError
from app.web import create_app
from app.web.hosts import is_served

LOCAL = [
    "localhost",
    "localhost:8000",
    "LOCALHOST.",
    "web.localhost",
    "127.0.0.1:80",
    "[::1]:8000",
    "10.1.2.3",
    "web:8000",
]
STRANGE = [
    "evil.example.com",
    "evil.example.com:8000",
    "localhost.example.com",
    "127.0.0.1.example.com",
    "a.b",
    "[x.y",
    "",
]
PAGES = ["/console", "/console/sign-in", "/console/batches", "/console/nowhere", "/console/parts/console.css"]


@pytest.mark.parametrize("host", LOCAL)
def test_addresses_and_local_names_are_served(host: str) -> None:
    assert is_served(host, frozenset())


@pytest.mark.parametrize("host", STRANGE)
def test_other_names_are_refused(host: str) -> None:
    assert not is_served(host, frozenset({"merge.example.org"}))


def test_configured_names_are_served() -> None:
    allowed = Settings.from_environ({"MERGELANE_ALLOWED_HOSTS": "Merge.example.org., .example.net"}).allowed_hosts

    served = ["merge.example.org:443", "MERGE.EXAMPLE.ORG", "a.example.net", "a.b.example.net"]
    assert [host for host in served if not is_served(host, allowed)] == []
    others = ["example.net", "x.merge.example.org", "badexample.net"]
    assert [host for host in others if is_served(host, allowed)] == []
    assert is_served("any.thing", frozenset({"*"}))


@pytest.mark.parametrize("value", ["https://merge.example.org", "merge.example.org:443", "a b", "*.example.org"])
def test_an_invalid_host_name_is_refused_when_settings_are_read(value: str) -> None:
    with pytest.raises(SetupError, match="MERGELANE_ALLOWED_HOSTS"):
        Settings.from_environ({"MERGELANE_ALLOWED_HOSTS": value})


@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_served_under_another_host_name(flask_app: Flask, path: str) -> None:
    client = flask_app.test_client()

    refused = client.get(path, headers={"Host": "evil.example.com"})

    assert refused.status_code == 421
    assert "MERGELANE_ALLOWED_HOSTS" in refused.text
    assert client.get(path, headers={"Host": "127.0.0.1:8000"}).status_code != 421


def test_the_host_of_the_configured_url_is_served(settings: Settings) -> None:
    flask = create_app(Settings(database_url=settings.database_url, url="https://merge.example.org"))

    answer = flask.test_client().get("/console/sign-in", headers={"Host": "merge.example.org"})

    assert answer.status_code == 200


def test_the_api_is_served_under_any_host(flask_app: Flask) -> None:
    headers = {"Host": "api.example.com"}

    assert flask_app.test_client().get("/health/live", headers=headers).status_code == 200
    assert flask_app.test_client().get("/merge/batches", headers=headers).status_code == 401
