"""The doctor on a real PostgreSQL: the server, the schema, the keys, the relay, the jobs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from app import keys
from app.config import Settings
from app.db.connections import Connection
from cli.doctor import database, jobs, processes
from cli.doctor.examination import is_healthy, run_checks
from cli.doctor.findings import Finding, Level
from tests.support.factories import Factory, ext

OLD, NEW = "the-old-pepper-of-this-house", "the-new-pepper-of-this-house"


def levels(findings: Iterator[Finding] | list[Finding]) -> dict[str, str]:
    """Return the level of each finding by its check."""
    return {finding.check: finding.level.value for finding in findings}


@pytest.fixture
def make_key(connection: Connection) -> Callable[..., None]:
    """A function that creates a key with a pepper."""

    def make(*peppers: str, expires_after: timedelta | None = None) -> None:
        keys.create_key(
            connection, workspace="shop", label="x", permissions=["*"], peppers=peppers, expires_after=expires_after
        )

    return make


def test_a_sound_server_is_fine(connection: Connection, settings: Settings) -> None:
    found = levels(database.check_server(connection, settings, workers=2))

    assert found["postgres"] == found["clock"] == found["connections"] == "fine"


@pytest.mark.parametrize(("revision", "level"), [("0001", "wrong"), ("9999", "notice")])
def test_a_schema_of_another_version_is_a_finding(connection: Connection, revision: str, level: str) -> None:
    connection.execute("UPDATE alembic_version SET version_num = %s", [revision])

    finding = database.check_schema(connection)

    assert finding.level == level
    assert revision in finding.sentence


def test_the_newest_schema_is_fine(connection: Connection) -> None:
    assert database.check_schema(connection).level == Level.FINE


def test_an_unfinished_index_is_wrong(connection: Connection) -> None:
    assert database.check_indexes(connection).level == Level.FINE
    connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'job_due'::regclass")
    found = database.check_indexes(connection)
    connection.execute("UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'job_due'::regclass")

    assert found.level == Level.WRONG
    assert "job_due" in found.sentence


def test_an_empty_database_is_examined_as_far_as_possible(empty_database_url: str) -> None:
    found = levels(run_checks(Settings(database_url=empty_database_url)))

    assert found["postgres"] == "fine"
    assert found["schema"] == "wrong"
    assert "relay" not in found


def test_an_installation_without_keys_is_a_finding(connection: Connection, settings: Settings) -> None:
    (finding,) = database.check_digests(connection, settings)

    assert finding.level == Level.NOTICE
    assert "mergelane keys create" in finding.remedy


@pytest.mark.parametrize(
    ("made", "configured", "expected"),
    [
        ((), (), []),
        ((NEW,), (NEW,), []),
        ((OLD,), (NEW, OLD), ["still use an older pepper"]),
        ((), (NEW, ""), ["still use an older pepper"]),
        ((NEW,), (NEW, OLD), ["No key needs the older peppers"]),
        ((OLD,), (NEW,), ["These keys are refused"]),
        ((OLD,), (), ["These keys are refused"]),
        ((), (NEW,), ["These keys are refused"]),
    ],
)
def test_keys_are_compared_with_the_peppers(
    connection: Connection,
    make_key: Callable[..., None],
    made: tuple[str, ...],
    configured: tuple[str, ...],
    expected: list[str],
) -> None:
    make_key(*made)
    sentences = [finding.sentence for finding in database.check_digests(connection, Settings(key_pepper=configured))]

    assert len(sentences) == len(expected)
    assert all(part in sentence for part, sentence in zip(expected, sentences, strict=True))


def test_expired_keys_do_not_count(connection: Connection, make_key: Callable[..., None]) -> None:
    make_key(OLD, expires_after=timedelta(days=1))
    connection.execute("UPDATE api_key SET expires_at = now()")

    assert [finding.level for finding in database.check_digests(connection, Settings(key_pepper=(NEW,)))] == [
        Level.NOTICE
    ]


def test_no_relay_is_wrong(connection: Connection) -> None:
    assert processes.check_relay(connection).level == Level.WRONG


def test_a_working_relay_is_fine_and_a_stuck_one_is_wrong(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(database_url, application_name="mergelane-relay") as relay:
        relay.execute("SELECT 1")
        at_work = processes.check_relay(connection)
        monkeypatch.setattr(processes, "SILENT_S", -1.0)
        hanging = processes.check_relay(connection)

    assert at_work.level == Level.FINE
    assert hanging.level == Level.WRONG
    assert "it hangs" in hanging.sentence


def test_dead_jobs_are_counted_over_all_workspaces(connection: Connection, settings: Settings) -> None:
    for amount in (1, 3):
        factory = Factory(connection)
        ids = [factory.job(ext("a"), ext("b")) for _ in range(amount)]
        factory.set_jobs(ids, "state = 'dead', finished_at = now(), reason = 'x', attempts = 5")
        largest = connection.execute("SELECT name FROM workspace ORDER BY workspace_id DESC LIMIT 1").fetchone()

    (dead, _, waiting, _) = jobs.check_jobs(connection, settings)

    assert dead.level == Level.NOTICE
    assert dead.sentence.startswith("4 jobs are dead")
    assert str((largest or {})["name"]) in dead.sentence
    assert waiting.level == Level.FINE


@pytest.mark.parametrize(("waits", "level"), [("1 minute", "fine"), ("2 hours", "wrong"), ("-2 hours", "fine")])
def test_jobs_that_wait_too_long_are_wrong(connection: Connection, settings: Settings, waits: str, level: str) -> None:
    factory = Factory(connection)
    factory.set_jobs([factory.job(ext("a"), ext("b"))], f"due_at = now() - interval '{waits}'")

    (_, _, waiting, _) = jobs.check_jobs(connection, settings)

    assert waiting.level == level
    assert ("2:00:0" in waiting.sentence) is (level == "wrong")


@pytest.mark.parametrize(("bound", "level"), [(100, "fine"), (5, "notice"), (4, "wrong")])
def test_a_workspace_whose_requests_are_or_will_be_refused_is_a_finding(
    connection: Connection, settings: Settings, bound: int, level: str
) -> None:
    factory = Factory(connection)
    for _ in range(4):
        factory.job(ext("a"), ext("b"))

    (_, _, _, room) = jobs.check_jobs(connection, replace(settings, waiting_bound=bound))

    assert room.level == level


def test_an_unreachable_database_is_wrong_and_its_password_is_not_printed() -> None:
    url = "postgresql://ada:lovelace-s3cret@127.0.0.1:1/nowhere"
    findings = run_checks(Settings(database_url=url, broker_url="redis://:lovelace-s3cret@127.0.0.1:1/0"))

    assert levels(findings)["postgres"] == levels(findings)["broker"] == "wrong"
    assert not is_healthy(findings)
    assert "s3cret" not in str(findings)


def test_unset_urls_are_wrong_and_have_a_remedy() -> None:
    unset = [finding for finding in run_checks(Settings()) if finding.level == Level.WRONG]

    assert [finding.check for finding in unset] == ["postgres", "broker"]
    assert all("`mergelane up`" in finding.remedy for finding in unset)


def test_a_paused_queue_is_reported_and_its_jobs_are_no_problem(
    connection: Connection, factory: Factory, settings: Settings
) -> None:
    factory.set_jobs([factory.job(ext("a"), ext("b"))], "due_at = now() - interval '2 hours'")
    connection.execute("INSERT INTO queue_control VALUES (%s, now())", [factory.workspace_id])

    (_, paused, waiting, _) = jobs.check_jobs(connection, settings)

    assert paused.level == Level.NOTICE
    assert waiting.level == Level.FINE


@pytest.mark.parametrize("priority", [0, 7])
def test_the_urgency_of_a_job_does_not_change_its_age(
    connection: Connection, factory: Factory, settings: Settings, priority: int
) -> None:
    job_id = factory.job(ext("a"), ext("b"), priority=priority)
    factory.set_jobs([job_id], "due_at = now() - interval '100 years' + (priority - 3) * interval '1826 days'")

    (_, _, waiting, _) = jobs.check_jobs(connection, settings)

    assert waiting.level == Level.FINE


def test_a_check_that_postgresql_refuses_does_not_stop_the_others(
    connection: Connection, settings: Settings, make_key: Callable[..., None]
) -> None:
    make_key()
    connection.execute("ALTER TABLE webhook RENAME TO absent")
    try:
        findings = run_checks(settings)
    finally:
        connection.execute("ALTER TABLE absent RENAME TO webhook")

    (refused,) = [finding for finding in findings if "refused the checks of" in finding.sentence]
    assert refused.sentence.startswith("PostgreSQL refused the checks of webhooks:")
    assert {"schema", "rights", "dead jobs", "relay"} <= levels(findings).keys()
