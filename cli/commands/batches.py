"""`mergelane batches`: what became of accepted requests, as the API tells it."""

from typing import Any
from uuid import UUID

import click

from cli.commands.listing import cursor_option, limit_option, tell_next
from cli.commands.progress import told
from cli.commands.remote import Remote, remote_options
from cli.commands.tables import json_option, show_json, show_table, show_values, text_of

COLUMNS = ("BATCH_ID", "STATE", "CREATED_AT", "FINISHED_AT", "COUNTS")
JOB_COLUMNS = ("INDEX", "JOB_ID", "STATE", "OUTCOME", "MERGE", "KEEP", "REASON")


@click.group()
def batches() -> None:
    """Look at batches: accepted requests, and what became of each of their jobs."""


@batches.command("list")
@limit_option
@cursor_option
@json_option
@remote_options
def list_(*, limit: int, cursor: str | None, as_json: bool, remote: Remote) -> None:
    """Show a page of batches, the newest first."""
    with remote.asked() as client:
        page = client.get("/merge/batches", limit=limit, cursor=cursor)
    if as_json:
        show_json(page)
        return
    show_table(COLUMNS, [_row(batch) for batch in page["batches"]])
    tell_next(page)


@batches.command()
@click.argument("batch_id", type=click.UUID)
@json_option
@remote_options
def show(*, batch_id: UUID, as_json: bool, remote: Remote) -> None:
    """Show the batch BATCH_ID and its jobs."""
    with remote.asked() as client:
        batch = client.get(f"/merge/batches/{batch_id}")
    if as_json:
        show_json(batch)
        return
    show_values({name: value for name, value in batch.items() if name != "jobs"})
    click.echo()
    show_table(JOB_COLUMNS, [job_row(job) for job in batch["jobs"]])


def job_row(job: dict[str, Any]) -> tuple[str, ...]:
    """Return *job* as a row of JOB_COLUMNS."""
    sides = text_of(job["identifier_to_merge"]), text_of(job["identifier_to_keep"])
    return str(job["index"]), job["job_id"], job["state"], job["outcome"] or "", *sides, job["reason"] or ""


def _row(batch: dict[str, Any]) -> tuple[str, ...]:
    """Return *batch* as a row of COLUMNS."""
    return batch["batch_id"], batch["state"], batch["created_at"], batch["finished_at"] or "", told(batch["counts"])
