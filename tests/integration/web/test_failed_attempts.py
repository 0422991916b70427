"""Failed attempts of a job: the API and the console list them, and they are deleted with the profile."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool
from app.db.transaction import run_in_transaction
from app.lane.run import Lane, execute_lane
from app.ledger import failures
from app.ledger.dispatch import rescue_stranded_jobs
from app.ledger.pruning import prune_batches
from tests.support.browser import Browser, words
from tests.support.flask_caller import Caller
from tests.support.profiles import track

Json = dict[str, Any]


class Subject:
    """A merge of ada-1 into ada, and the worker that runs its attempts."""

    def __init__(self, caller: Caller, pool: Pool, connection: Connection) -> None:
        self.caller, self.pool, self.connection = caller, pool, connection
        track(caller, attributes=[{"external_id": "ada-1"}, {"external_id": "ada"}])
        pair = {"identifier_to_merge": {"external_id": "ada-1"}, "identifier_to_keep": {"external_id": "ada"}}
        accepted: Any = caller.post("/users/merge", {"merge_updates": [pair]}).json
        self.id: str = caller.get(accepted["status_url"]).json["jobs"][0]["job_id"]

    def attempt(self, *, fails: bool, max_attempts: int = 5) -> None:
        """Run an attempt. If *fails*, the job has an identifier that cannot be parsed."""
        identifier = {"external_id": 7 if fails else "ada-1"}
        self.set("orphan_identifier = %s, due_at = now() - interval '100 years'", Jsonb(identifier))
        lane = Lane(workspace_id=self.caller.workspace_id, job_ids=[UUID(self.id)], task_id=uuid7())
        execute_lane(self.pool, Settings(max_attempts=max_attempts), lane)
        self.set("orphan_identifier = %s", Jsonb({"external_id": "ada-1"}))

    def set(self, assignments: str, *values: object) -> None:
        """Set columns of the job."""
        self.connection.execute(f"UPDATE job SET {assignments} WHERE id = %s".encode(), [*values, self.id])

    def read(self) -> Json:
        """Return the job from the API."""
        found: Json = self.caller.get(f"/merge/jobs/{self.id}").json
        return found

    def failed(self) -> list[tuple[int, str]]:
        """Return the numbers and errors of the failed attempts of the job."""
        return [(each["attempt"], each["reason"]) for each in self.read().get("failures", ())]

    def rows(self) -> int:
        """Return the number of rows of failed attempts of the job."""
        return len(self.connection.execute("SELECT FROM failed_attempt WHERE job_id = %s", [self.id]).fetchall())


@pytest.fixture
def subject(caller: Caller, pool: Pool, connection: Connection) -> Subject:
    """A waiting merge job."""
    return Subject(caller, pool, connection)


def test_two_failed_attempts_are_listed_after_the_third_succeeds(
    subject: Subject, make_browser: Callable[[Caller | None], Browser]
) -> None:
    browser = make_browser(subject.caller)
    before = words(browser.get(f"/console/jobs/{subject.id}"))
    for fails in (True, True, False):
        subject.attempt(fails=fails)
    job = subject.read()
    page = browser.get(f"/console/jobs/{subject.id}")

    assert (job["outcome"], job["attempts"]) == ("merged", 3)
    first, second = job["failures"]
    assert [first["attempt"], second["attempt"]] == [1, 2]
    assert first["reason"].startswith("Attempt 1 failed with ")
    assert second["reason"].startswith("Attempt 2 failed with ")
    assert job["created_at"] <= first["failed_at"] <= second["failed_at"] <= job["finished_at"]
    assert job["task_id"] not in {None, first["task_id"], second["task_id"]}
    assert None not in {first["task_id"], second["task_id"]}
    assert [each["reason"] in words(page) for each in job["failures"]] == [True, True]
    assert "Error or result" not in before
    assert "Error or result" in words(page)
    assert "failures" not in subject.caller.get("/merge/jobs").json["jobs"][0]


def test_a_dead_job_has_all_its_errors_and_a_retry_keeps_them(
    subject: Subject, make_browser: Callable[[Caller | None], Browser]
) -> None:
    for _ in range(2):
        subject.attempt(fails=True, max_attempts=2)
    dead = subject.read()
    assert subject.caller.post(f"/merge/jobs/{subject.id}/retry").status_code == 202
    waiting = subject.failed()
    subject.attempt(fails=True)
    subject.attempt(fails=False)
    page = words(make_browser(subject.caller).get(f"/console/jobs/{subject.id}"))

    assert (dead["state"], [each["attempt"] for each in dead["failures"]]) == ("dead", [1, 2])
    assert dead["failures"][-1]["reason"] == dead["reason"]
    assert [attempt for attempt, _ in waiting] == [1, 2]
    assert [attempt for attempt, _ in subject.failed()] == [1, 2, 1]
    assert page.count("The job was retried.") == 1


def test_the_last_attempt_and_a_failed_one_of_the_same_number_have_separate_rows(
    subject: Subject, make_browser: Callable[[Caller | None], Browser]
) -> None:
    browser = make_browser(subject.caller)
    pages = []
    subject.attempt(fails=True, max_attempts=1)
    for change in ("retry", "cancel"):
        subject.caller.post(f"/merge/jobs/{subject.id}/{change}")
        pages.append(words(browser.get(f"/console/jobs/{subject.id}")))
    subject.set("state = 'dead', outcome = NULL")
    subject.caller.post(f"/merge/jobs/{subject.id}/retry")
    subject.attempt(fails=False)
    pages.append(words(browser.get(f"/console/jobs/{subject.id}")))
    headings = [page.partition("Error or result")[2].partition("Place in the batch")[0] for page in pages]

    assert [each.count("The job was retried.") for each in headings] == [1, 1, 1]
    assert ["Cancelled" in headings[1], "Merged" in headings[2]] == [False, True]


def test_an_attempt_without_an_end_is_listed_once(subject: Subject) -> None:
    """A message is delivered again after its worker died. Later the rescue requeues the job."""
    running = "state = 'running', attempts = 1, published_at = now(), started_at = now() - interval '1 day'"
    subject.set(running)
    subject.attempt(fails=True)
    subject.set("state = 'running', attempts = 3, published_at = now(), started_at = now() - interval '1 day'")
    rescue = {"after_s": 60, "max_stalled_attempts": 20, "limit": 10}
    run_in_transaction(subject.pool, subject.caller.workspace_id, rescue_stranded_jobs, **rescue)
    rescued = subject.failed()
    subject.attempt(fails=False)

    first, second, third = subject.failed()
    assert first == (1, failures.NOT_ENDED.format(attempt=1))
    assert second[0] == 2
    assert "failed with" in second[1]
    assert third == (3, failures.NOT_ENDED.format(attempt=3))
    assert subject.failed() == rescued
    assert subject.read()["attempts"] == 4


def test_the_newest_failures_are_kept(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "MOST_FAILURES", 2)
    for _ in range(3):
        subject.attempt(fails=True)

    assert [attempt for attempt, _ in subject.failed()] == [2, 3]


def test_failures_are_deleted_with_the_profile(subject: Subject) -> None:
    subject.attempt(fails=True)
    subject.attempt(fails=False)
    assert subject.rows() == 1
    subject.caller.post("/users/delete", {"external_ids": ["ada"]})

    assert (subject.rows(), subject.read()["identifier_to_merge"]) == (0, {})


def test_failures_are_pruned_with_the_job(subject: Subject) -> None:
    subject.attempt(fails=True)
    subject.attempt(fails=False)
    old = "UPDATE batch SET created_at = now() - interval '9 days' WHERE id = (SELECT batch_id FROM job WHERE id = %s)"
    subject.connection.execute(old, [subject.id])
    subject.set("finished_at = now() - interval '8 days'")
    assert subject.rows() == 1
    scope = {"age": timedelta(days=7), "limit": 100}
    run_in_transaction(subject.pool, subject.caller.workspace_id, prune_batches, **scope)

    assert subject.rows() == 0
    assert subject.caller.get(f"/merge/jobs/{subject.id}").status_code == 404
