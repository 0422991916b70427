"""`mergelane jobs`: look at a job, and retry one that is dead."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import click

from app.ledger import reading, retrying
from schemas.jobs import JobSchema
from workers.cli.options import database, home_option

workspace_option = click.option("--workspace", help="The workspace that the job must be in; any by default.")
job_argument = click.argument("job_id", type=click.UUID)


@click.group()
def jobs() -> None:
    """Look at a job, and retry one that is dead."""


@jobs.command()
@job_argument
@workspace_option
@home_option
def show(*, job_id: UUID, workspace: str | None, home: Path) -> None:
    """Show the job JOB_ID: its state, its outcome or last error, and whom it was about."""
    with database(home) as connection:
        found = retrying.workspace_of(connection, job_id=job_id, name=workspace)
        job = reading.read_job(connection, workspace_id=found.id, job_id=job_id)
    for name, value in _lines(found.name, job):
        click.echo(f"{name:<21}{value}")


@jobs.command()
@job_argument
@workspace_option
@home_option
def retry(*, job_id: UUID, workspace: str | None, home: Path) -> None:
    """Put the dead job JOB_ID back in the queue, with all its attempts before it.

    Mend first what it died of: `mergelane jobs show` tells the kind of error, the worker's log the rest.
    """
    with database(home) as connection:
        found = retrying.workspace_of(connection, job_id=job_id, name=workspace)
        retrying.retry(connection, workspace_id=found.id, job_id=job_id)
    click.echo(f"The job {job_id} is queued again.", err=True)


def _lines(workspace: str, job: reading.Job) -> Iterator[tuple[str, str]]:
    """Yield what is shown of *job*, name by name, as its own URL shows it."""
    yield "workspace", workspace
    for name, value in JobSchema().dump(job).items():
        if value is not None:
            yield name, ", ".join(f"{key}={part}" for key, part in value.items()) if isinstance(value, dict) else value
