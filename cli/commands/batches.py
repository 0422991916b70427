"""`mergelane batches`: accepted requests and the outcome of each job."""

from typing import Any
from uuid import UUID

import click

from cli.commands.options import cursor_option, json_option, limit_option
from cli.commands.output import format_counts, format_value, print_json, print_page, print_table, print_values
from cli.commands.remote import Remote, remote_options

COLUMNS = ("BATCH_ID", "STATE", "CREATED_AT", "FINISHED_AT", "COUNTS")
JOB_COLUMNS = ("INDEX", "JOB_ID", "STATE", "OUTCOME", "MERGE", "KEEP", "REASON")


@click.group()
def batches() -> None:
    """List batches and show their jobs.

    A batch is one accepted request; it has a job for each pair of the request.
    """


@batches.command("list")
@limit_option
@cursor_option
@json_option
@remote_options
def list_batches(*, limit: int, cursor: str | None, as_json: bool, remote: Remote) -> None:
    """List batches, newest first."""
    page = remote.get("/merge/batches", limit=limit, cursor=cursor)
    print_page(page, COLUMNS, map(_row, page["batches"]), as_json=as_json)


@batches.command("show")
@click.argument("batch_id", type=click.UUID)
@json_option
@remote_options
def show_batch(*, batch_id: UUID, as_json: bool, remote: Remote) -> None:
    """Show the batch BATCH_ID and its jobs."""
    batch = remote.get(f"/merge/batches/{batch_id}")
    if as_json:
        print_json(batch)
        return
    print_values({name: value for name, value in batch.items() if name != "jobs"})
    click.echo()
    print_table(JOB_COLUMNS, map(job_row, batch["jobs"]))


def job_row(job: dict[str, Any]) -> tuple[str, ...]:
    """Return *job* as a row of JOB_COLUMNS."""
    sides = format_value(job["identifier_to_merge"]), format_value(job["identifier_to_keep"])
    return str(job["index"]), job["job_id"], job["state"], job["outcome"] or "", *sides, job["reason"] or ""


def _row(batch: dict[str, Any]) -> tuple[str, ...]:
    counts = format_counts(batch["counts"])
    return batch["batch_id"], batch["state"], batch["created_at"], batch["finished_at"] or "", counts
