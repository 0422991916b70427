"""`mergelane jobs` on a real database."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool
from app.lane import run as lane
from cli.main import main
from tests.support.factories import Factory, ext

Run = Callable[..., Result]
UNKNOWN_ID = "01a202b7-0c65-769b-9741-1871039b8b20"
REASON = "Attempt 5 failed with OutOfMemory; the worker's log has the details."


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs `mergelane jobs` on the test's database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return lambda *arguments: CliRunner().invoke(main, ["jobs", *map(str, arguments), "--home", str(tmp_path)])


@pytest.fixture
def dead(factory: Factory) -> UUID:
    """A job that is dead."""
    job_id = factory.job(ext("ada-1"), ext("ada"))
    factory.set_jobs([job_id], f"state = 'dead', attempts = 5, finished_at = now(), reason = $${REASON}$$")
    return job_id


def settle(pool: Pool, factory: Factory, job_id: UUID) -> None:
    """Run one job as a worker does."""
    lane.execute_lane(pool, Settings(), lane.Lane(workspace_id=factory.workspace_id, job_ids=[job_id], task_id=uuid7()))


def workspace(connection: Connection, factory: Factory) -> str:
    """Return the name of the factory's workspace."""
    query = "SELECT name FROM workspace WHERE workspace_id = %s"
    (row,) = connection.execute(query, [factory.workspace_id]).fetchall()
    name: str = row["name"]
    return name


def test_show_prints_the_error_and_the_identifiers_of_a_dead_job(
    run: Run, factory: Factory, dead: UUID, connection: Connection
) -> None:
    answer = run("show", dead)

    shown = dict(line.split(maxsplit=1) for line in answer.stdout.splitlines())
    assert answer.exit_code == 0
    assert shown["job_id"] == str(dead)
    assert shown["workspace"] == workspace(connection, factory)
    assert (shown["state"], shown["attempts"], shown["reason"]) == ("dead", "5", REASON)
    assert shown["identifier_to_merge"] == "external_id=ada-1"
    assert "outcome" not in shown


def test_a_dead_job_is_queued_again(run: Run, factory: Factory, dead: UUID) -> None:
    answer = run("retry", dead)

    row = factory.row(dead)
    assert answer.exit_code == 0
    assert answer.stderr == f"The job {dead} is queued again.\n"
    assert (row["state"], row["attempts"], row["reason"]) == ("queued", 0, REASON)


def test_a_retry_of_a_job_that_is_not_dead_is_refused(run: Run, factory: Factory) -> None:
    job_id = factory.job(ext("ada-1"), ext("ada"))

    answer = run("retry", job_id)

    assert answer.exit_code == 1
    assert answer.stderr == "Error: This job is queued; only a dead job can be retried.\n"


def test_the_undo_of_a_merge_prints_the_id_of_its_job(run: Run, factory: Factory, pool: Pool) -> None:
    factory.profile("ada-1")
    factory.profile("ada")
    merge_id = factory.job(ext("ada-1"), ext("ada"))
    settle(pool, factory, merge_id)

    answer = run("undo", merge_id)

    undo_id = UUID(answer.stdout.strip())
    settle(pool, factory, undo_id)
    assert (answer.exit_code, answer.stderr) == (0, f"The undo of job {merge_id} is queued.\n")
    assert factory.outcomes([merge_id, undo_id]) == ["merged", "undone"]
    assert f"undone_by            {undo_id}" in run("show", merge_id).stdout


def test_an_undo_of_a_job_that_merged_nothing_is_refused(run: Run, dead: UUID) -> None:
    answer = run("undo", dead)

    assert answer.exit_code == 1
    assert answer.stderr == "Error: This job is dead, so it merged nothing; there is nothing to undo.\n"


def test_a_waiting_job_is_cancelled(run: Run, factory: Factory, dead: UUID) -> None:
    job_id = factory.job(ext("ada-1"), ext("ada"))

    answers = [run("cancel", each) for each in (job_id, job_id, dead)]

    assert [each.exit_code for each in answers] == [0, 1, 1]
    assert answers[0].stderr == f"Cancelled the job {job_id}.\n"
    assert "only a job that no worker has begun can be cancelled" in answers[1].stderr
    assert factory.outcomes([job_id]) == ["cancelled"]
    assert factory.row(job_id)["reason"] == "Cancelled before a worker began it, by an operator."


@pytest.mark.parametrize("command", ["show", "retry", "undo", "cancel"])
def test_an_unknown_job_or_one_of_another_workspace_is_an_error(run: Run, dead: UUID, command: str) -> None:
    answers = [run(command, UNKNOWN_ID), run(command, dead, "--workspace", "somebody-elses")]

    assert [answer.exit_code for answer in answers] == [1, 1]
    assert {answer.stderr for answer in answers} == {"Error: There is no job with this id.\n"}


def test_an_option_names_the_workspace(run: Run, factory: Factory, dead: UUID, connection: Connection) -> None:
    answer = run("retry", dead, "--workspace", workspace(connection, factory))

    assert answer.exit_code == 0
    assert factory.states([dead]) == ["queued"]
