"""Personal data is in the database only: no log, message, page of Flower or error report contains it.

The tests write people whose data contains marks, cause failures whose error texts contain whole rows, and search every
output for the marks.
"""

import base64
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
import redis
import requests
from psycopg.rows import dict_row

from chaos.queues import messages
from cli.up.embedded_redis import SOCKET
from cli.up.sockets import socket_folder
from tests.support.client import Client
from tests.support.traces import find_traces
from tests.support.up import Up
from tests.support.waiting import wait_until

AUTH = ("ada", "lovelace")
MARK = "zzmark"
"""Part of all personal data except the phone number, which is searched for by its digits."""
PHONE = "+14155550177"
TRACES = f"{MARK}|4155550177"
TIME = "2026-03-01T08:00:00Z"

RAISE = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {condition} THEN
        RAISE EXCEPTION 'planted: %', NEW USING ERRCODE = '{code}', DETAIL = NEW::text, HINT = NEW::text;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}();
"""
FAILURES = {
    # A merge raises. Its attempts count, and the job ends dead.
    "in_merge": ("profile", "NEW.external_id LIKE '%in-merge' AND NEW.absorbed_count > 0", "P0001"),
    # A constraint fails, as after a race. The transaction is retried several times.
    "in_constraint": ("profile", "NEW.external_id LIKE '%in-constraint' AND NEW.absorbed_count > 0", "23505"),
    # The lane cannot start, so the Celery task fails.
    "in_task": ("job", "NEW.survivor_identifier::text LIKE '%in-task%' AND NEW.state = 'running'", "22P02"),
    # The relay cannot publish, and its service fails.
    "in_relay": ("job", "NEW.survivor_identifier::text LIKE '%in-relay%' AND NEW.published_at IS NOT NULL", "P0001"),
    # A request fails unexpectedly.
    "in_request": ("custom_event", "NEW.name LIKE '%in-request'", "P0001"),
}


def mark(what: str) -> str:
    """Return a personal value that the tests can find."""
    return f"{MARK}-{what}"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The whole product, after it merged people and each of its processes failed."""
    up = Up(
        tmp_path_factory.mktemp("up"),
        environ={"MERGELANE_FLOWER_BASIC_AUTH": ":".join(AUTH), "MERGELANE_LOG_LEVEL": "DEBUG"},
    )
    try:
        up.start()
        client = up.client()
        _go_wrong(up, client)
        client.close()
        yield up
    finally:
        up.end()


def _go_wrong(up: Up, client: Client) -> None:
    """Merge people, with and without failures."""
    cases = ("well", *(name.replace("_", "-") for name in FAILURES if name != "in_request"))
    client.track(**_people(cases))
    with psycopg.connect(_database_url(up), autocommit=True) as connection:
        for name, (table, condition, code) in FAILURES.items():
            statement = RAISE.format(name=name, table=table, condition=condition, code=code)
            connection.execute(statement.encode())
        _send_failing_requests(up, client)
        merge = [(mark(f"orphan-{case}"), mark(f"survivor-{case}")) for case in cases]
        batch_id = client.merge(merge, Idempotency_Key=mark("key"))
        _wait_for(up, "relay", "service_failed")
        connection.execute("DROP TRIGGER in_relay ON job")
        _wait_for(up, "worker", "LaneFailed")
        connection.execute("DROP TRIGGER in_task ON job")
    client.finished(batch_id, seconds=90)
    states = {job["state"] for job in client.batch(batch_id)["jobs"]}
    outcomes = {job["outcome"] for job in client.batch(batch_id)["jobs"]}

    assert (states, outcomes) == ({"finished", "dead"}, {"merged", None})


def _people(cases: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    """Return the track request of an orphan and a survivor for each case."""
    ids = [{"external_id": mark(f"{role}-{case}")} for case in cases for role in ("orphan", "survivor")]
    person = {
        "email": f"{MARK}@example.com",
        "phone": PHONE,
        "first_name": mark("first"),
        "home_city": mark("city"),
        mark("attribute"): mark("value"),
    }
    return {
        "attributes": [{**each, **person} for each in ids],
        "events": [
            {**each, "name": mark("event"), "time": TIME, "properties": {"p": mark("property")}} for each in ids
        ],
        "purchases": [
            {**each, "product_id": mark("product"), "currency": "USD", "price": 1, "time": TIME} for each in ids
        ],
    }


def _send_failing_requests(up: Up, client: Client) -> None:
    """Send requests that fail in different ways and contain marks in every part of a request."""
    event = {"external_id": mark("in-request"), "name": mark("in-request"), "time": TIME}
    json_type = {"Content-Type": "application/json"}
    answers = [
        client.post("/users/track", {"events": [event]}),
        client.request("POST", "/users/merge", data=f'{{"{MARK}', headers=json_type),
        client.post("/users/merge", {"merge_updates": [{mark("key"): mark("value")}]}),
        client.get("/merge/jobs", identifier=f"{MARK}@example.com", cursor=mark("cursor")),
        client.get(f"/profiles/{MARK}"),
        client.get(f"/{MARK}"),
        requests.get(f"{up.base_url}/merge/jobs", headers={"Authorization": f"Bearer {MARK}"}, timeout=10),
    ]

    assert [each.status_code for each in answers] == [500, 400, 400, 400, 404, 404, 401]
    assert MARK not in answers[0].text
    for raw in (f"GET /?{MARK} {MARK}\r\n\r\n", f"GET /{MARK} HTTP/1.1\r\n{MARK}@: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", up.port), timeout=10) as connection:
            connection.sendall(raw.encode())

            assert b" 400 " in connection.recv(1000)


def _database_url(up: Up) -> str:
    """Return the URL of the product's own database."""
    return (up.home / "run" / "database_url").read_text()


def _wait_for(up: Up, process: str, text: str) -> None:
    """Wait until a process whose name starts with *process* has logged *text*."""
    logs = lambda: "".join(path.read_text(errors="replace") for path in _logs(up) if path.name.startswith(process))  # noqa: E731
    wait_until(lambda: text in logs(), seconds=60, what=f"{process} to log {text!r}")


def _logs(up: Up) -> list[Path]:
    """Return every log file."""
    return sorted((up.home / "logs").iterdir())


def marks_in(text: str) -> list[str]:
    """Return each personal value in *text* with the text around it."""
    lowered = text.casefold()
    places = [lowered.find(word) for word in (MARK, PHONE.removeprefix("+1"))]
    return [text[max(0, place - 200) : place + 100] for place in places if place >= 0]


def test_no_log_contains_personal_data(up: Up) -> None:
    found = {path.name: marks_in(path.read_text(errors="replace")) for path in _logs(up)}

    assert {"web.log", "relay.log", "worker1.log", "flower.log", "postgres.log", "redis.log"} <= found.keys()
    assert {name: marks for name, marks in found.items() if marks} == {}
    assert marks_in(up.output) == []


@pytest.mark.parametrize(
    ("process", "text"),
    [
        ("worker", "job_attempt_failed"),
        ("worker", "RaiseException (SQLSTATE P0001; text withheld"),
        ("worker", "UniqueViolation (SQLSTATE 23505; text withheld"),
        ("worker", "lane_failed"),
        ("worker", "InvalidTextRepresentation (SQLSTATE 22P02; text withheld"),
        ("worker", "raised unexpected: LaneFailed"),
        ("relay", "service_failed"),
        ("web", "request_failed"),
        ("web", "invalid_http_request"),
        ("web", "in track_view"),
    ],
)
def test_the_logs_contain_the_errors_and_their_places(up: Up, process: str, text: str) -> None:
    logs = "".join(path.read_text(errors="replace") for path in _logs(up) if path.name.startswith(process))

    assert text in logs


def test_flower_shows_the_failed_task_without_personal_data(up: Up) -> None:
    def flower(path: str) -> str:
        response = requests.get(f"{up.flower_url}{path}", auth=AUTH, timeout=10)
        response.raise_for_status()
        return response.text

    tasks = orjson.loads(flower("/api/tasks"))
    failed = [name for name, task in tasks.items() if task["state"] == "FAILURE"]
    pages = [
        "/workers",
        "/tasks",
        "/broker",
        "/metrics",
        "/api/workers",
        "/api/tasks",
        *(f"/task/{id_}" for id_ in tasks),
    ]
    shown = {page: flower(page) for page in pages}

    assert failed
    assert "LaneFailed" in tasks[failed[0]]["exception"]
    assert "Traceback" in tasks[failed[0]]["traceback"]
    assert {page: marks for page, text in shown.items() if (marks := marks_in(text))} == {}


def test_a_message_in_redis_contains_no_personal_data(up: Up) -> None:
    client = up.client()
    with _frozen(up, "worker1"), _frozen(up, "worker2"), _redis(up) as broker:
        client.merge([(mark("orphan-late"), mark("survivor-late"))])
        wait_until(lambda: messages(broker), what="the message")
        stored = list(_everything(broker))
    client.close()
    bodies = [body for text in stored for body in _bodies(text)]

    assert any("mergelane.lane" in text for text in stored)
    assert bodies
    assert [marks_in(text) for text in (*stored, *bodies) if marks_in(text)] == []


def test_metrics_contain_no_personal_data(up: Up) -> None:
    client = up.client()
    answer = client.get("/metrics")
    client.close()

    assert answer.status_code == 200
    assert marks_in(answer.text) == []


def test_no_table_statistic_log_or_file_contains_data_of_deleted_people(up: Up) -> None:
    client = up.client()
    cases = ("well", "late", *(name.replace("_", "-") for name in FAILURES))
    names = [mark(f"{role}-{case}") for role in ("orphan", "survivor") for case in cases]
    # Jobs of another test name these two profiles.
    client.track(attributes=[{"external_id": mark(f"{role}-late")} for role in ("orphan", "survivor")])
    with psycopg.connect(_database_url(up), autocommit=True, row_factory=dict_row) as connection:
        connection.execute("ANALYZE")
        before = find_traces(connection, TRACES)
        people = len(client.post("/users/export/ids", {"external_ids": names}).json()["users"])
        deleted = client.post("/users/delete", {"external_ids": names})
        erased = lambda: client.get("/audit", action="erasure", limit=100).json()["entries"]  # noqa: E731
        wait_until(lambda: len(erased()) >= people, seconds=60, what="the certificates")
        after = find_traces(connection, TRACES)
    client.close()
    with _redis(up) as broker:
        stored = "".join(_everything(broker))
    folder = up.home / "postgres"
    files = [path for path in up.home.rglob("*") if path.is_file() and not path.is_relative_to(folder)]

    assert deleted.status_code == 201, deleted.text
    assert {"profile", "job", "custom_event", "pg_stats"} <= before.keys()
    assert after == {}
    assert marks_in(stored) == []
    assert folder.is_dir()
    assert {path.name: marks for path in files if (marks := marks_in(path.read_bytes().decode(errors="replace")))} == {}


@contextmanager
def _frozen(up: Up, name: str) -> Iterator[None]:
    """Suspend the process *name* during the block."""
    process = up.look()[name]
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@contextmanager
def _redis(up: Up) -> Iterator["redis.Redis"]:
    """Open a client of the product's own Redis."""
    path = socket_folder(up.home / "redis", SOCKET) / SOCKET
    with redis.Redis(unix_socket_path=str(path), decode_responses=True) as client:
        yield client


def _everything(broker: "redis.Redis") -> Iterator[str]:
    """Yield all keys and values in Redis."""
    read: dict[str, Callable[[str], object]] = {
        "string": broker.get,
        "list": lambda key: broker.lrange(key, 0, -1),
        "hash": broker.hgetall,
        "set": broker.smembers,
        "zset": lambda key: broker.zrange(key, 0, -1),
    }
    for key in broker.scan_iter():
        yield key
        yield str(read[broker.type(key)](key)).replace("\\\\", "\\")


def _bodies(stored: str) -> Iterator[str]:
    """Yield the bodies of the messages in *stored*, which Celery writes in base64."""
    for part in stored.split('"body": "')[1:]:
        yield base64.b64decode(part.partition('"')[0]).decode()
