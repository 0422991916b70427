"""The only task, and the resources of its process."""

import traceback
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.errors import DatabaseUnavailable, SetupError
from tests.support.factories import Factory, ext
from tests.support.postgres import make_database_url
from workers import resources
from workers.tasks import LaneFailed, run_lane

database_url = make_database_url(scope="module")

Become = Callable[[str], None]
FAIL = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted %', NEW; END $$
"""


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Iterator[Become]:
    """A function that configures this process as a worker on the database of a URL."""

    def on(url: str) -> None:
        monkeypatch.setenv("DATABASE_URL", url)
        monkeypatch.setenv("MERGELANE_POOL_TIMEOUT_S", "0.3")
        resources.settings.cache_clear()

    resources.close_resources()
    yield on
    resources.close_resources()
    resources.settings.cache_clear()


def perform(workspace_id: int, job_ids: list[UUID]) -> UUID:
    """Run the task as a worker does, and return its id."""
    task_id = uuid7()
    # A task that is called directly raises the error instead of sending itself to the broker again.
    run_lane.push_request(id=str(task_id), called_directly=True, retries=0)
    try:
        run_lane.run(workspace_id, [str(job_id) for job_id in job_ids])
    finally:
        run_lane.pop_request()
    return task_id


def test_the_task_executes_its_jobs(become: Become, database_url: str, factory: Factory) -> None:
    become(database_url)
    factory.profile("a")
    factory.profile("b")
    job_ids = factory.batch([(ext("a"), ext("b")), (ext("a"), ext("b"))])

    task_id = perform(factory.workspace_id, job_ids)

    assert factory.outcomes(job_ids) == ["merged", "already_merged"]
    assert {factory.row(job_id)["task_id"] for job_id in job_ids} == {task_id}


def test_the_task_runs_no_job_of_another_workspace(become: Become, database_url: str, factory: Factory) -> None:
    become(database_url)
    job_id = factory.job(ext("a"), ext("b"))

    perform(factory.workspace_id + 1, [job_id])

    assert factory.row(job_id)["state"] == "queued"


def test_the_task_is_retried_only_while_the_database_is_unavailable(become: Become) -> None:
    become("postgresql://127.0.0.1:1/nobody")

    with pytest.raises(DatabaseUnavailable):
        perform(1, [uuid7()])

    assert run_lane.autoretry_for == (DatabaseUnavailable,)


def test_the_error_of_a_task_contains_no_personal_data(
    become: Become, database_url: str, factory: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    become(database_url)
    job_id = factory.job(ext("jane@example.com"), ext("b"))
    factory.connection.execute(FAIL)
    factory.connection.execute("CREATE TRIGGER fail BEFORE UPDATE ON job FOR EACH ROW EXECUTE FUNCTION fail()")
    try:
        with pytest.raises(LaneFailed) as failed:
            perform(factory.workspace_id, [job_id])
    finally:
        factory.connection.execute("DROP FUNCTION fail CASCADE")
    text = "".join(traceback.format_exception(failed.value))
    (record,) = [record for record in caplog.records if record.message == "lane_failed"]

    assert "because of RaiseException" in text
    assert "jane" not in text
    assert record.exc_info is not None
    assert "jane" in str(record.exc_info[1])


def test_a_process_has_one_pool_until_it_is_closed(become: Become, database_url: str) -> None:
    become(database_url)

    first = resources.pool()

    assert resources.pool() is first
    resources.close_resources()
    resources.close_resources()
    assert first.closed
    assert resources.pool() is not first


def test_a_worker_without_a_database_ends_with_a_sentence(become: Become) -> None:
    become("")

    with pytest.raises(SetupError, match="DATABASE_URL is not set"):
        resources.pool()
