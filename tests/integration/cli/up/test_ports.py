"""A port or host that cannot be used is reported in a sentence."""

import socket

import pytest

from app.errors import SetupError
from cli.up.sockets import require_usable_port
from tests.support.processes import free_port


def test_a_free_port_is_accepted() -> None:
    require_usable_port("127.0.0.1", free_port(), "--port")


def test_a_port_in_use_is_refused_with_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(
            SetupError, match=rf"Cannot listen on 127\.0\.0\.1 port {port}: .* Choose another with --port"
        ):
            require_usable_port("127.0.0.1", port, "--port")


def test_an_address_of_another_machine_is_refused_with_a_sentence() -> None:
    with pytest.raises(SetupError, match=r"Cannot listen on 192\.0\.2\.1 port"):
        require_usable_port("192.0.2.1", free_port(), "--host")


def test_an_invalid_host_is_refused_with_a_sentence() -> None:
    with pytest.raises(SetupError, match="Cannot listen on no such host"):
        require_usable_port("no such host", 8000, "--host")
