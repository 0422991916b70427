"""`mergelane jobs`: list, show, retry, cancel and undo jobs, through the API or on the database."""

from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from app.errors import SetupError
from cli.commands.batches import JOB_COLUMNS, job_row
from cli.commands.options import connect_database, cursor_option, home_option, json_option, limit_option
from cli.commands.output import print_page, print_result, print_status
from cli.commands.remote import NO_KEY, Remote, optional_remote_options, remote_options
from schemas.outcomes import JobState, Outcome

workspace_option = click.option(
    "--workspace", help="Use the database and require that the job is in this workspace. Default: any workspace."
)
job_argument = click.argument("job_id", type=click.UUID)


@click.group()
def jobs() -> None:
    """List, show, retry, cancel and undo jobs.

    With an API key (MERGELANE_API_KEY or --key-file) these commands use the API. Without a key, or with --workspace,
    show, retry, cancel and undo use the database, as `mergelane keys` does.
    """


@jobs.command("list")
@click.option("--state", type=click.Choice([each.value for each in JobState]), help="Only jobs in this state.")
@click.option("--outcome", type=click.Choice([each.value for each in Outcome]), help="Only jobs with this outcome.")
@click.option("--identifier", help="Only jobs about this external_id, alias name, email, phone or braze_id.")
@click.option("--run", "run_id", type=click.UUID, help="Only jobs of this run.")
@limit_option
@cursor_option
@json_option
@remote_options
def list_jobs(*, as_json: bool, remote: Remote, **filters: Any) -> None:
    """List jobs, newest first. Requires an API key."""
    page = remote.get("/merge/jobs", **filters)
    print_page(page, JOB_COLUMNS, map(job_row, page["jobs"]), as_json=as_json)


@jobs.command("show")
@job_argument
@click.option("--changes", is_flag=True, help="Include the changed fields of the survivor. Requires an API key.")
@json_option
@optional_remote_options
@workspace_option
@home_option
def show_job(
    *,
    job_id: UUID,
    changes: bool,
    as_json: bool,
    remote: Remote | None,
    workspace: str | None,
    home: Path,
) -> None:
    """Show the job JOB_ID with its outcome or last error."""
    if changes and remote is None:
        raise SetupError(NO_KEY)
    if remote is None or (workspace and not changes):
        job = _read_from_database(job_id, workspace=workspace, home=home)
    else:
        job = remote.get(f"/merge/jobs/{job_id}", include="changes" if changes else None)
    print_result(job, as_json=as_json)


@jobs.command("retry")
@job_argument
@optional_remote_options
@workspace_option
@home_option
def retry_job(*, job_id: UUID, remote: Remote | None, workspace: str | None, home: Path) -> None:
    """Queue the dead job JOB_ID again, with a new count of attempts.

    Fix the cause first: `mergelane jobs show` prints the kind of error, the log of the worker has the details.
    """
    if remote is None or workspace:
        _retry_on_database(job_id, workspace=workspace, home=home)
    else:
        remote.send("POST", f"/merge/jobs/{job_id}/retry", HTTPStatus.ACCEPTED)
    print_status(f"The job {job_id} is queued again.")


@jobs.command("cancel")
@job_argument
@optional_remote_options
@workspace_option
@home_option
def cancel_job(*, job_id: UUID, remote: Remote | None, workspace: str | None, home: Path) -> None:
    """Cancel the job JOB_ID, if no worker has begun it."""
    if remote is None or workspace:
        _cancel_on_database(job_id, workspace=workspace, home=home)
    else:
        remote.send("POST", f"/merge/jobs/{job_id}/cancel", HTTPStatus.OK, repeatable=False)
    print_status(f"Cancelled the job {job_id}.")


@jobs.command("undo")
@job_argument
@optional_remote_options
@workspace_option
@home_option
def undo_job(*, job_id: UUID, remote: Remote | None, workspace: str | None, home: Path) -> None:
    """Undo the merge of the job JOB_ID.

    Queues an undo job and prints its id. `mergelane jobs show` of the undo job prints its outcome.
    """
    if remote is None or workspace:
        undo_id = str(_undo_on_database(job_id, workspace=workspace, home=home))
    else:
        undo_id = remote.send("POST", f"/merge/jobs/{job_id}/undo", HTTPStatus.ACCEPTED)["job_id"]
    print_status(f"The undo of job {job_id} is queued.")
    click.echo(undo_id)


def _read_from_database(job_id: UUID, *, workspace: str | None, home: Path) -> dict[str, Any]:
    """Return the job as the API shows it, after the name of its workspace."""
    from app.config import Settings
    from app.db.transaction import Transaction
    from app.ledger import queries, retry
    from app.ledger.undo_time import with_undo_time
    from schemas.jobs import JobSchema

    with connect_database(home) as connection:
        found = retry.find_workspace_of_job(connection, job_id=job_id, name=workspace)
        job = queries.read_job(Transaction(connection, found.id), job_id=job_id)
    job_json: dict[str, Any] = JobSchema().dump(with_undo_time(job, days=Settings.from_environ().undo_days))
    return {"workspace": found.name, **job_json}


def _retry_on_database(job_id: UUID, *, workspace: str | None, home: Path) -> None:
    from app.db.transaction import Transaction
    from app.ledger import retry

    with connect_database(home) as connection:
        found = retry.find_workspace_of_job(connection, job_id=job_id, name=workspace)
        retry.retry_job(Transaction(connection, found.id), job_id=job_id)


def _cancel_on_database(job_id: UUID, *, workspace: str | None, home: Path) -> None:
    from app.audit.log import Actor
    from app.db.transaction import Transaction
    from app.ledger import retry
    from app.queue.cancel import cancel_job

    with connect_database(home) as connection:
        found = retry.find_workspace_of_job(connection, job_id=job_id, name=workspace)
        actor = Actor(api_key_id=None, request_id=None, path=f"/merge/jobs/{job_id}/cancel")
        # An operator of the database needs no permission.
        cancel_job(Transaction(connection, found.id), job_id=job_id, actor=actor, authorize=lambda _: None)


def _undo_on_database(job_id: UUID, *, workspace: str | None, home: Path) -> UUID:
    """Create the undo job and return its id."""
    from app.db.transaction import Transaction
    from app.ledger import queries, retry
    from app.undo import accept

    with connect_database(home) as connection:
        found = retry.find_workspace_of_job(connection, job_id=job_id, name=workspace)
        tx = Transaction(connection, found.id)
        target, _ = accept.undo_request_of_job(tx, job_id=job_id)
        queued = accept.accept_undo(tx, target, api_key_id=None, path=f"/merge/jobs/{job_id}/undo")
        (job,) = queries.read_batch(tx, batch_id=queued.batch_id).jobs
    return job.id
