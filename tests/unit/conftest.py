"""The unit suite: no database, no broker, no network."""

import socket
from typing import NoReturn

import pytest


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each attempt to connect fail with a message that says what to do instead."""
    monkeypatch.setattr(socket.socket, "connect", _refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", _refuse)


def _refuse(_: socket.socket, address: object) -> NoReturn:
    message = f"A unit test tried to connect to {address!r}. Move it to tests/integration, or give it a value instead."
    raise AssertionError(message)
