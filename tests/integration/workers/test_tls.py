"""TLS to PostgreSQL and Redis by their URLs: encrypted, and only to a server with a valid certificate."""

import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db import migrations
from app.db.connections import lend_connection, open_pool
from app.db.startup import require_schema
from app.errors import BrokerUnavailable, DatabaseUnavailable
from app.rates.buckets import Bucket, Limit
from app.rates.windows import FixedWindowLimiter
from tests.support.tls import Encrypted
from workers.broker import Broker
from workers.celery import make_celery

LIMIT = Limit(Bucket.OTHER, 10, 60)


def test_a_pool_connects_to_postgres_over_tls(encrypted: Encrypted) -> None:
    with (
        open_pool(Settings(database_url=encrypted.database_url()), name="test") as pool,
        lend_connection(pool) as connection,
    ):
        assert connection.pgconn.ssl_in_use
        assert connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}
    assert encrypted.postgres.encrypted == 1


def test_migrations_use_tls(encrypted: Encrypted) -> None:
    migrations.upgrade_schema(encrypted.database_url())

    assert migrations.database_revision(encrypted.database_url()) == migrations.newest_revision()
    assert encrypted.postgres.encrypted == 2


def test_the_check_at_start_uses_tls(encrypted: Encrypted) -> None:
    require_schema(Settings(database_url=encrypted.database_url()))

    assert encrypted.postgres.encrypted == 1


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_postgres_with_an_untrusted_certificate_is_refused(encrypted: Encrypted, mode: str) -> None:
    url = encrypted.database_url(encrypted.certificates.stranger, mode=mode)
    settings = Settings(database_url=url, pool_timeout_s=0.5)
    with open_pool(settings, name="test") as pool, pytest.raises(DatabaseUnavailable), lend_connection(pool):
        pytest.fail("The connection was made.")

    assert encrypted.postgres.encrypted == 0


def test_messages_are_published_over_tls(encrypted: Encrypted) -> None:
    with Broker(make_celery(Settings(broker_url=encrypted.broker_url()))) as broker:
        broker.publish(workspace_id=1, tasks={uuid7(): [uuid7()]})

        assert broker.count_messages() == 1
    assert encrypted.redis.encrypted >= 1


@pytest.mark.parametrize("authority", ["stranger", None])
def test_a_redis_with_an_untrusted_certificate_is_refused(encrypted: Encrypted, authority: str | None) -> None:
    url = encrypted.broker_url(encrypted.certificates.stranger)
    if authority is None:
        url = url.partition("?")[0]
    with Broker(make_celery(Settings(broker_url=url))) as broker, pytest.raises(BrokerUnavailable):
        broker.publish(workspace_id=1, tasks={uuid7(): [uuid7()]})

    assert encrypted.redis.encrypted == 0


def test_requests_are_counted_over_tls(encrypted: Encrypted) -> None:
    limiter = FixedWindowLimiter(encrypted.broker_url())

    assert [limiter.count_request(LIMIT, workspace_id=1).remaining for _ in range(2)] == [9, 8]
    assert limiter.uncounted == 0
    assert encrypted.redis.encrypted >= 1
