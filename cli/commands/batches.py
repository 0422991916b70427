"""`mergelane batches`: accepted requests and the outcome of each job."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

import click

from cli.commands.options import cursor_option, json_option, limit_option
from cli.commands.output import (
    format_counts,
    format_value,
    print_json,
    print_page,
    print_status,
    print_table,
    print_values,
)
from cli.commands.remote import Remote, remote_options
from cli.commands.runs import exit_if_dead

COLUMNS = ("BATCH_ID", "STATE", "CREATED_AT", "FINISHED_AT", "COUNTS")
JOB_COLUMNS = ("INDEX", "JOB_ID", "STATE", "OUTCOME", "MERGE", "KEEP", "REASON")


@click.group()
def batches() -> None:
    """List, show, cancel and undo batches.

    A batch is one accepted request; it has a job for each pair of the request.
    """


@batches.command("list")
@click.option("--run", "run_id", type=click.UUID, help="Only batches of this run.")
@limit_option
@cursor_option
@json_option
@remote_options
def list_batches(*, as_json: bool, remote: Remote, **query: Any) -> None:
    """List batches, newest first."""
    page = remote.get("/merge/batches", **query)
    print_page(page, COLUMNS, map(_row, page["batches"]), as_json=as_json)


@batches.command("show")
@click.argument("batch_id", type=click.UUID)
@json_option
@remote_options
@click.pass_context
def show_batch(ctx: click.Context, /, *, batch_id: UUID, as_json: bool, remote: Remote) -> None:
    """Show the batch BATCH_ID and its jobs.

    Exit status: 3 when some jobs are dead.
    """
    batch = remote.get(f"/merge/batches/{batch_id}")
    if as_json:
        print_json(batch)
    else:
        print_values({name: value for name, value in batch.items() if name != "jobs"})
        click.echo()
        print_table(JOB_COLUMNS, map(job_row, batch["jobs"]))
    exit_if_dead(ctx, batch["counts"])


@batches.command("cancel")
@click.argument("batch_id", type=click.UUID)
@json_option
@remote_options
def cancel_batch(*, batch_id: UUID, as_json: bool, remote: Remote) -> None:
    """Cancel the jobs of the batch BATCH_ID that no worker has begun. Jobs that run are finished."""
    cancelled = remote.send("POST", f"/merge/batches/{batch_id}/cancel", HTTPStatus.OK, repeatable=False)
    if as_json:
        print_json(cancelled)
        return
    print_status(f"Cancelled {cancelled['cancelled']:,} jobs of batch {batch_id}; {cancelled['running']:,} run.")


@batches.command("undo")
@click.argument("batch_id", type=click.UUID)
@remote_options
def undo_batch(*, batch_id: UUID, remote: Remote) -> None:
    """Undo every merge of the batch BATCH_ID, the latest first, and print the id of the batch of undos."""
    undo = remote.send("POST", f"/merge/batches/{batch_id}/undo", HTTPStatus.ACCEPTED, repeatable=False)
    print_status(f"The undo of batch {batch_id} is queued.")
    click.echo(undo["batch_id"])


def job_row(job: dict[str, Any]) -> tuple[str, ...]:
    """Return *job* as a row of JOB_COLUMNS."""
    sides = format_value(job["identifier_to_merge"]), format_value(job["identifier_to_keep"])
    return str(job["index"]), job["job_id"], job["state"], format_outcome(job), *sides, job["reason"] or ""


def format_outcome(job: dict[str, Any]) -> str:
    """Return the outcome of *job*, marked when the merge was undone since."""
    outcome = job["outcome"] or ""
    return f"{outcome} (undone)" if job.get("undone_at") else outcome


def _row(batch: dict[str, Any]) -> tuple[str, ...]:
    counts = format_counts(batch["counts"]) + (f" ({batch['undone']:,} undone)" if batch.get("undone") else "")
    return batch["batch_id"], batch["state"], batch["created_at"], batch["finished_at"] or "", counts
