"""PostgreSQL refuses work: requests get 503 with Retry-After and `ready` reports the cause until it accepts writes."""

import psycopg
import pytest
from click.testing import CliRunner
from flask import Flask

from app.config import Settings
from app.db import migrations
from app.errors import SetupError
from app.metrics.exposition import expose
from app.web.metrics import metric_sources
from cli.doctor.examination import run_checks
from cli.main import main
from tests.support.flask_caller import Caller
from tests.support.postgres import PostgresServer
from tests.support.refusals import REFUSALS, Refusal, refuse
from tests.support.waiting import wait_until

PAIR = {"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}
WRITES = {
    "/users/merge": {"merge_updates": [PAIR]},
    "/users/track": {"attributes": [{"external_id": "a", "first_name": "Ann"}]},
    "/users/alias/new": {"user_aliases": [{"external_id": "a", "alias_name": "n", "alias_label": "l"}]},
    "/duplicates/runs": {},
}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_ready_reports_the_cause_of_a_refusal_and_merges_resume_afterwards(
    own_postgres: PostgresServer, lone_caller: Caller, refusal: Refusal
) -> None:
    assert lone_caller.get("/health/ready").status_code == 200
    with refuse(own_postgres, refusal):
        unready = wait_until(
            lambda: refusal.cause in (answer := lone_caller.get("/health/ready")).json.get("message", "") and answer,
            what="the cause",
        )

    assert unready.status_code == 503
    assert int(unready.headers["Retry-After"]) > 0
    wait_until(lambda: lone_caller.get("/health/ready").status_code == 200, what="the server to be ready")
    assert lone_caller.post("/users/merge", WRITES["/users/merge"]).status_code == 202


@pytest.mark.parametrize("path", WRITES)
def test_every_write_gets_503_if_the_server_is_read_only(
    own_postgres: PostgresServer, lone_caller: Caller, path: str
) -> None:
    assert lone_caller.post("/users/track", WRITES["/users/track"]).status_code == 201
    with refuse(own_postgres, REFUSALS[0]):
        answer = lone_caller.post(path, WRITES[path])

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_commands_fail_with_one_message_if_the_server_is_read_only(
    own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations.upgrade_schema(own_postgres.url())
    monkeypatch.setenv("DATABASE_URL", own_postgres.url())
    monkeypatch.delenv("MERGELANE_API_KEY", raising=False)
    create = ["keys", "create", "--workspace", "shop", "--label", "x", "--permission", "*"]
    with refuse(own_postgres, REFUSALS[0]):
        created = CliRunner().invoke(main, create)
        listed = CliRunner().invoke(main, ["keys", "list"])

    assert created.exit_code == 1
    assert isinstance(created.exception, SystemExit)
    assert "PostgreSQL refuses work (the server is read-only" in created.output
    assert "Traceback" not in created.output
    assert listed.exit_code == 0


def test_migrating_a_read_only_server_fails_with_one_message(own_postgres: PostgresServer) -> None:
    with refuse(own_postgres, REFUSALS[0]), pytest.raises(SetupError, match="PostgreSQL is read-only"):
        migrations.upgrade_schema(own_postgres.url())


def test_the_doctor_reports_a_read_only_server(own_postgres: PostgresServer) -> None:
    migrations.upgrade_schema(own_postgres.url())
    with refuse(own_postgres, REFUSALS[0]):
        findings = run_checks(Settings(database_url=own_postgres.url()))

    assert any(each.level == "wrong" and "PostgreSQL is read-only" in each.sentence for each in findings)


def test_the_doctor_reports_a_revoked_privilege_of_the_processes(own_postgres: PostgresServer) -> None:
    migrations.upgrade_schema(own_postgres.url())
    with refuse(own_postgres, REFUSALS[1]):
        findings = run_checks(Settings(database_url=own_postgres.url()))

    assert any(each.level == "wrong" and "the role lacks a privilege" in each.sentence for each in findings)


def metrics_of(caller: Caller) -> str:
    """Return the metrics that the web server exposes without a key."""
    return expose(*metric_sources(caller.flask)).decode()


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_the_metrics_report_the_cause_of_waiting(
    own_postgres: PostgresServer, lone_caller: Caller, refusal: Refusal
) -> None:
    with refuse(own_postgres, refusal):
        refused = metrics_of(lone_caller)

    assert f'mergelane_server_waiting{{cause="{refusal.label}",server="postgresql"}} 1.0' in refused


def test_the_metrics_report_no_cause_while_nothing_is_refused(lone_caller: Caller) -> None:
    assert "mergelane_server_waiting{" not in metrics_of(lone_caller)


@pytest.mark.parametrize(
    ("error", "status"), [(psycopg.errors.NumericValueOutOfRange, 400), (psycopg.errors.CheckViolation, 500)]
)
def test_a_value_that_postgresql_cannot_store_gets_400(
    lone_app: Flask, lone_caller: Caller, error: type[psycopg.Error], status: int
) -> None:
    def fail() -> str:
        message = "Ann Lee of Ulm"
        raise error(message)

    lone_app.add_url_rule("/fail", view_func=fail)
    answer = lone_caller.get("/fail")

    assert answer.status_code == status
    assert "Ann" not in answer.text
