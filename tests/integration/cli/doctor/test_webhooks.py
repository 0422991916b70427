"""The doctor on webhooks: the sender, the secrets and the dead deliveries."""

import psycopg
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection
from app.keys.digests import pepper_fingerprint
from cli.doctor import webhooks
from cli.doctor.findings import Finding
from tests.support.factories import Factory

PEPPER = "the-pepper-of-webhooks"


def a_webhook(factory: Factory, *, pepper: str = PEPPER, reason: str | None = None, notices: str | None = None) -> None:
    """Write a webhook and a delivery in the state *notices*."""
    webhook_id = uuid7()
    factory.rows(
        "INSERT INTO webhook (workspace_id, id, url, types, description, enabled, disabled_reason, salt, pepper)"
        " VALUES (%s, %s, 'https://x', '{}', '', %s, %s, '', %s) RETURNING 1",
        *(webhook_id, reason is None, reason, pepper_fingerprint(pepper)),
    )
    if notices is not None:
        factory.rows(
            "INSERT INTO webhook_delivery (workspace_id, id, webhook_id, type, body, state, due_at, last_error,"
            " ended_at) VALUES (%s, %s, %s, 'webhook.test', '{}', %s, now() - interval '1 hour', 'So.',"
            " CASE WHEN %s = 'dead' THEN now() END) RETURNING 1",
            *(uuid7(), webhook_id, notices, notices),
        )


def found(connection: Connection, *peppers: str) -> dict[str, Finding]:
    """Return the doctor's findings by their checks."""
    return {each.check: each for each in webhooks.check_webhooks(connection, Settings(webhook_pepper=peppers))}


def levels(findings: dict[str, Finding]) -> dict[str, str]:
    """Return the level of each finding."""
    return {check: finding.level.value for check, finding in findings.items()}


def test_without_webhooks_all_is_fine(connection: Connection) -> None:
    assert levels(found(connection)) == {"webhooks": "fine"}


def test_a_missing_sender_is_wrong(connection: Connection, factory: Factory) -> None:
    a_webhook(factory)

    assert levels(found(connection, PEPPER)) == {"sender": "wrong", "dead notices": "fine"}


def test_with_a_sender_all_is_fine(connection: Connection, factory: Factory, database_url: str) -> None:
    a_webhook(factory)
    with psycopg.connect(database_url, application_name="mergelane-sender"):
        assert levels(found(connection, PEPPER)) == {"sender": "fine", "dead notices": "fine"}


def test_a_sender_with_a_backlog_is_a_notice(connection: Connection, factory: Factory, database_url: str) -> None:
    a_webhook(factory, notices="waiting")
    with psycopg.connect(database_url, application_name="mergelane-sender"):
        finding = found(connection, PEPPER)["sender"]

    assert finding.level == "notice"
    assert "3600 s" in finding.sentence


def test_a_lost_pepper_is_wrong_and_a_secret_without_one_is_a_notice(connection: Connection, factory: Factory) -> None:
    a_webhook(factory, pepper="")
    without = found(connection, PEPPER)["webhook secrets"]
    a_webhook(factory)
    lost = found(connection)["webhook secrets"]

    assert (without.level, lost.level) == ("notice", "wrong")


def test_webhooks_that_answered_410_and_dead_deliveries_are_counted(connection: Connection, factory: Factory) -> None:
    a_webhook(factory, reason="The webhook answered 410 Gone.")
    a_webhook(factory, notices="dead")
    findings = found(connection, PEPPER)

    assert findings["webhooks"].sentence.startswith("1 webhooks answered 410")
    assert findings["dead notices"].sentence.startswith("1 notices are dead")
