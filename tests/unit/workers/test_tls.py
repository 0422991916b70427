"""The checks of the broker's certificate, according to BROKER_URL."""

import ssl
from typing import Any

import pytest

from app.config import Settings
from workers.celery import make_celery
from workers.tls import tls_options


@pytest.mark.parametrize("url", ["", "redis://h/0", "redis+socket:///run/redis.sock", "amqp://h//"])
def test_a_broker_without_tls_has_no_certificate(url: str) -> None:
    assert tls_options(url) is None


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", {"ssl_cert_reqs": ssl.CERT_REQUIRED}),
        ("?ssl_cert_reqs=CERT_NONE", {"ssl_cert_reqs": ssl.CERT_NONE}),
        ("?ssl_cert_reqs=optional", {"ssl_cert_reqs": ssl.CERT_OPTIONAL}),
        ("?ssl_ca_certs=/etc/ca.pem", {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": "/etc/ca.pem"}),
        (
            "?ssl_certfile=/c.pem&ssl_keyfile=/k.pem",
            {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_certfile": "/c.pem", "ssl_keyfile": "/k.pem"},
        ),
    ],
)
def test_a_certificate_is_checked_unless_the_url_says_otherwise(query: str, options: dict[str, Any]) -> None:
    assert tls_options(f"rediss://h:6380/1{query}") == options


def test_a_check_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="ssl_cert_reqs must be required, optional or none"):
        tls_options("rediss://h/0?ssl_cert_reqs=perhaps")


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}),
        ("?ssl_cert_reqs=none", {"cert_reqs": ssl.CERT_NONE}),
        ("?ssl_check_hostname=false", {"cert_reqs": ssl.CERT_REQUIRED}),
        (
            "?ssl_ca_certs=/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem",
            {
                "cert_reqs": ssl.CERT_REQUIRED,
                "server_hostname": None,
                "ca_certs": "/ca.pem",
                "certfile": "/c.pem",
                "keyfile": "/k.pem",
            },
        ),
    ],
)
def test_rabbitmq_gets_the_same_checks_under_its_own_names(query: str, options: dict[str, Any]) -> None:
    assert tls_options(f"amqps://h:5671/v{query}") == options


@pytest.mark.parametrize("query", ["", "?ssl_ca_certs=/etc/ca.pem"])
def test_every_connection_of_celery_checks(query: str) -> None:
    celery = make_celery(Settings(broker_url=f"rediss://h/0{query}"))
    connections = [celery.connection(), celery.connection_for_read(), celery.connection_for_write()]

    # Options in the URL have precedence. Without options redis-py requires a valid certificate; kombu would not.
    assert all(each.ssl.get("ssl_cert_reqs", ssl.CERT_REQUIRED) == ssl.CERT_REQUIRED for each in connections)
    assert all(each.ssl for each in connections)
    assert celery.conf.broker_use_ssl["ssl_cert_reqs"] == ssl.CERT_REQUIRED
