"""BROKER_URL is parsed once, at start: valid URLs are split, invalid URLs are refused and never quoted."""

import re

import pytest

from app.broker_url import parse_broker_url
from app.config import Settings
from app.errors import SetupError


@pytest.mark.parametrize(
    ("text", "for_celery"),
    [
        ("redis://h", "redis://h:6379/0"),
        ("redis://h:1/2", "redis://h:1/2"),
        ("redis://h?db=4", "redis://h:6379/4"),
        ("redis://[::1]/0", "redis://[::1]:6379/0"),
        ("redis://:p@ss@h", "redis://:p%40ss@h:6379/0"),
        ("redis://u:p%2F%23@h/1", "redis://u:p%2F%23@h:6379/1"),
        ("rediss://h/1?ssl_ca_certs=/ca.pem", "rediss://h:6379/1"),
        ("redis+socket:///run/a%20b.sock?virtual_host=3", "redis+socket:///run/a%20b.sock?virtual_host=3"),
        ("unix:///run/r.sock", "redis+socket:///run/r.sock"),
        ("sentinel://:p@a:1,b/2?master_name=m", "sentinel://:p@a:1/2;sentinel://:p@b:26379/2"),
        ("sentinel://a/2;sentinel://:p@b:1?master_name=m", "sentinel://:p@a:26379/2;sentinel://:p@b:1/2"),
        ("amqp://guest:guest@h//", "amqp://guest:guest@h:5672/%2F"),
        ("amqp://a,b/v", "amqp://a:5672/v;amqp://b:5672/v"),
        ("amqps://h/v?ssl_cert_reqs=none", "amqps://h:5671/v"),
    ],
)
def test_celery_gets_a_url_of_the_parts(text: str, for_celery: str) -> None:
    assert parse_broker_url(text).for_celery() == for_celery


@pytest.mark.parametrize(
    ("text", "for_redis_client"),
    [
        ("redis://h:1/2", "redis://h:1/2"),
        ("rediss://:secret@h/2?ssl_cert_reqs=CERT_NONE", "rediss://:secret@h:6379/2?ssl_cert_reqs=none"),
        ("rediss://h?ssl_ca_certs=/ca.pem", "rediss://h:6379/0?ssl_ca_certs=%2Fca.pem&ssl_cert_reqs=required"),
        ("redis+socket:///run/a%20b/r.sock?virtual_host=3", "redis+unix:///run/a%20b/r.sock?db=3"),
    ],
)
def test_the_rate_limits_get_the_same_redis(text: str, for_redis_client: str) -> None:
    assert parse_broker_url(text).for_redis_client() == for_redis_client


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("redis://u:S3cr#t@h:6379/0", "contains `#`"),
        ("redis://u:S3cr/t@h:6379/0", "An `@` follows the host"),
        ("redis://u:12/t@h:6379/0", "An `@` follows the host"),
        ("redis://u:S3cr?t@h:6379/0", "An `@` follows the host"),
        ("redis://u:S3cr t@h", "a blank or a control character"),
        ("redis://S3cret/abc", "database is not a number"),
        ("redis://S3cret:99999/0", "port is not a number"),
        ("redis://S3cret:port/0", "port is not a number"),
        ("redis://h?S3cret=3", "an unknown option"),
        ("redis://h?S3cret", "not NAME=VALUE"),
        ("redis://h?db=1&db=2", "an option twice"),
        ("redis://", "no host"),
        ("redis://S3c%72et", "no host"),
        ("redis://a/S3;redis://b", "several servers"),
        ("redis://a,b", "several servers"),
        ("amqps://a,b", "several servers"),
        ("redis+socket://S3cret", "the path of a socket"),
        ("redis+sentinel://S3cret/0", "must begin with redis://"),
        ("sqs://S3cret", "must begin with redis://"),
        ("S3cret", "must begin with redis://"),
        ("sentinel://S3cret:1/0", "which master"),
        ("sentinel://:S3@a;sentinel://:S4@b?master_name=m", "different users"),
        ("rediss://h?ssl_cert_reqs=S3cret", "must be required, optional or none"),
        ("rediss://h?ssl_check_hostname=S3cret", "must be true or false"),
    ],
)
def test_an_invalid_url_is_refused_and_not_quoted(text: str, reason: str) -> None:
    with pytest.raises(SetupError, match=f"BROKER_URL: .*{re.escape(reason)}") as refused:
        Settings.from_environ({"BROKER_URL": text})

    assert "S3" not in str(refused.value)
    assert str(refused.value).count("BROKER_URL") == 1


def test_blanks_around_a_url_are_no_part_of_it() -> None:
    assert Settings.from_environ({"BROKER_URL": " redis://h/0\n"}).broker_url == "redis://h/0"


@pytest.mark.parametrize("url", ["amqp://h", "http://h", "redis://h/x"])
def test_only_a_redis_counts_requests(url: str) -> None:
    with pytest.raises(SetupError, match="MERGELANE_RATE_LIMIT_URL: It"):
        Settings.from_environ({"MERGELANE_RATE_LIMIT_URL": url})

    assert Settings.from_environ({"MERGELANE_RATE_LIMIT_URL": "memory://"}).rate_limit_url == "memory://"
