"""`mergelane jobs`: look at jobs, retry one that is dead, undo one that merged."""

from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from app.errors import SetupError
from app.ledger import reading, retrying, undoing
from cli.client import accepted
from cli.commands.batches import JOB_COLUMNS, job_row
from cli.commands.listing import cursor_option, limit_option, tell_next
from cli.commands.options import database, home_option
from cli.commands.remote import NO_KEY, Remote, maybe_remote_options, remote_options
from cli.commands.tables import json_option, show_json, show_table, show_values
from schemas.jobs import JobSchema
from schemas.outcomes import JobState, Outcome

workspace_option = click.option(
    "--workspace", help="On the database, with no key: the workspace that the job must be in; any by default."
)
job_argument = click.argument("job_id", type=click.UUID)


@click.group()
def jobs() -> None:
    """Look at jobs, retry one that is dead, undo one that merged.

    With an API key, by MERGELANE_API_KEY or --key-file, the API is asked, as clients do. Operators who have no key work
    on the database, as with `mergelane keys`; so does whoever names a workspace by --workspace.
    """


@jobs.command("list")
@click.option("--state", type=click.Choice([each.value for each in JobState]), help="Those in this state.")
@click.option("--outcome", type=click.Choice([each.value for each in Outcome]), help="Those with this outcome.")
@click.option("--identifier", help="Those about this external_id, alias name, email, phone or braze_id.")
@limit_option
@cursor_option
@json_option
@remote_options
def list_(*, as_json: bool, remote: Remote, **wanted: Any) -> None:
    """Show a page of jobs, the newest first. It asks the API and needs a key."""
    with remote.asked() as client:
        page = client.get("/merge/jobs", **wanted)
    if as_json:
        show_json(page)
        return
    show_table(JOB_COLUMNS, [job_row(job) for job in page["jobs"]])
    tell_next(page)


@jobs.command()
@job_argument
@click.option("--changes", is_flag=True, help="Show what it changed on the survivor too; needs a key.")
@json_option
@maybe_remote_options
@workspace_option
@home_option
def show(
    *,
    job_id: UUID,
    changes: bool,
    as_json: bool,
    remote: Remote | None,
    workspace: str | None,
    home: Path,
) -> None:
    """Show the job JOB_ID: its state, its outcome or last error, and whom it was about."""
    if changes and remote is None:
        raise SetupError(NO_KEY)
    if remote is None or (workspace and not changes):
        shown = _on_record(job_id, workspace=workspace, home=home)
    else:
        with remote.asked() as client:
            shown = client.get(f"/merge/jobs/{job_id}", include="changes" if changes else None)
    (show_json if as_json else show_values)(shown)


@jobs.command()
@job_argument
@maybe_remote_options
@workspace_option
@home_option
def retry(*, job_id: UUID, remote: Remote | None, workspace: str | None, home: Path) -> None:
    """Put the dead job JOB_ID back in the queue, with all its attempts before it.

    Mend first what it died of: `mergelane jobs show` tells the kind of error, the worker's log the rest.
    """
    if remote is None or workspace:
        with database(home) as connection:
            found = retrying.workspace_of(connection, job_id=job_id, name=workspace)
            retrying.retry(connection, workspace_id=found.id, job_id=job_id)
    else:
        with remote.asked() as client:
            accepted(client.ask("POST", f"/merge/jobs/{job_id}/retry"), HTTPStatus.ACCEPTED)
    click.echo(f"The job {job_id} is queued again.", err=True)


@jobs.command()
@job_argument
@maybe_remote_options
@workspace_option
@home_option
def undo(*, job_id: UUID, remote: Remote | None, workspace: str | None, home: Path) -> None:
    """Take back what the job JOB_ID merged, by a job of its own, whose id is printed.

    `mergelane jobs show` of that one tells what came of it.
    """
    if remote is None or workspace:
        undo_id = _undo_on_record(job_id, workspace=workspace, home=home)
    else:
        with remote.asked() as client:
            answer = accepted(client.ask("POST", f"/merge/jobs/{job_id}/undo"), HTTPStatus.ACCEPTED)
            undo_id = answer.body["job_id"]
    click.echo(f"The undo of job {job_id} is queued.", err=True)
    click.echo(undo_id)


def _undo_on_record(job_id: UUID, *, workspace: str | None, home: Path) -> UUID:
    """Return the id of the job that is to undo *job_id*, put straight into the database."""
    with database(home) as connection:
        found = retrying.workspace_of(connection, job_id=job_id, name=workspace)
        asked, _ = undoing.a_job(connection, workspace_id=found.id, job_id=job_id)
        queued = undoing.accept(connection, asked, api_key_id=None, path=f"/merge/jobs/{job_id}/undo")
        (job,) = reading.read_batch(connection, workspace_id=found.id, batch_id=queued.batch_id).jobs
    return job.id


def _on_record(job_id: UUID, *, workspace: str | None, home: Path) -> dict[str, Any]:
    """Return the job as its own URL shows it, straight from the database, behind the name of its workspace."""
    with database(home) as connection:
        found = retrying.workspace_of(connection, job_id=job_id, name=workspace)
        job = reading.read_job(connection, workspace_id=found.id, job_id=job_id)
    shown: dict[str, Any] = JobSchema().dump(job)
    return {"workspace": found.name, **shown}
