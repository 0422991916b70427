"""`mergelane runs`: operations of many batches, their cancellation and their undo."""

from http import HTTPStatus
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from cli.commands.options import cursor_option, json_option, limit_option
from cli.commands.output import format_counts, print_page, print_result, print_status
from cli.commands.remote import Remote, remote_options
from schemas.outcomes import JobState, RunKind, RunStatus

if TYPE_CHECKING:
    from cli.client import Client

COLUMNS = ("RUN_ID", "KIND", "STATE", "LABEL", "CREATED_AT", "FINISHED_AT", "COUNTS")
#: Seconds between two polls of a run.
POLL_S = 1.0
#: The exit status of a run with dead jobs, as of `mergelane merge`.
SOME_DEAD = 3
UNFINISHED = frozenset({RunStatus.OPEN.value, RunStatus.RUNNING.value})


@click.group()
def runs() -> None:
    """List, show, cancel and undo runs.

    A run is an operation of any size: a merged file, a run over duplicates, or an undo.
    """


@runs.command("list")
@click.option("--kind", type=click.Choice([each.value for each in RunKind]), help="Only runs of this kind.")
@click.option("--state", type=click.Choice([each.value for each in RunStatus]), help="Only runs in this state.")
@limit_option
@cursor_option
@json_option
@remote_options
def list_merge_runs(*, as_json: bool, remote: Remote, **query: Any) -> None:
    """List runs, newest first."""
    page = remote.get("/merge/runs", **query)
    print_page(page, COLUMNS, map(_row, page["runs"]), as_json=as_json)


@runs.command("show")
@click.argument("run_id", type=click.UUID)
@json_option
@remote_options
@click.pass_context
def show_merge_run(ctx: click.Context, /, *, run_id: UUID, as_json: bool, remote: Remote) -> None:
    """Show the run RUN_ID with its counts, rate and estimated end.

    Exit status: 3 when some jobs are dead.
    """
    print_run(ctx, remote.get(f"/merge/runs/{run_id}"), as_json=as_json)


@runs.command("cancel")
@click.argument("run_id", type=click.UUID)
@click.option("--wait", is_flag=True, help="Wait until all jobs of the run have ended.")
@json_option
@remote_options
@click.pass_context
def cancel_merge_run(ctx: click.Context, /, *, run_id: UUID, wait: bool, as_json: bool, remote: Remote) -> None:
    """Close the run RUN_ID, cancel its jobs that no worker has begun, and show it.

    Jobs that run are finished. Exit status: 3 when some jobs are dead.
    """
    from cli.client import require_status

    with remote.connect() as client:
        response = client.request("POST", f"/merge/runs/{run_id}/cancel", repeatable=False)
        run: dict[str, Any] = require_status(response, HTTPStatus.ACCEPTED).body
        print_run(ctx, wait_for_run(client, str(run_id)) if wait else run, as_json=as_json)


@runs.command("undo")
@click.argument("run_id", type=click.UUID)
@click.option("--wait", is_flag=True, help="Wait until all undos have ended, and show them.")
@json_option
@remote_options
@click.pass_context
def undo_merge_run(ctx: click.Context, /, *, run_id: UUID, wait: bool, as_json: bool, remote: Remote) -> None:
    """Undo every merge of the run RUN_ID, the latest first, and print the id of the run that does it.

    Exit status: 3 when --wait is given and some jobs are dead.
    """
    from cli.client import require_status

    with remote.connect() as client:
        response = client.request("POST", f"/merge/runs/{run_id}/undo", repeatable=False)
        undo_id = require_status(response, HTTPStatus.ACCEPTED).body["run_id"]
        if wait:
            print_run(ctx, wait_for_run(client, undo_id), as_json=as_json)
            return
    print_status(f"The undo of run {run_id} has started.")
    click.echo(undo_id)


def wait_for_run(client: "Client", run_id: str) -> dict[str, Any]:
    """Poll a run until it ends, and return it."""
    pause = Event()
    while True:
        run: dict[str, Any] = client.get(f"/merge/runs/{run_id}")
        if run["state"] not in UNFINISHED:
            return run
        pause.wait(POLL_S)


def wait_for_merges(client: "Client", run_id: str) -> dict[str, Any]:
    """Poll a run until all its jobs have ended, also when it was cancelled, and return it.

    A key without the permission to read runs, and an older server, end the wait.
    """
    pause = Event()
    while True:
        response = client.request("GET", f"/merge/runs/{run_id}")
        if response.status != HTTPStatus.OK:
            return {}
        run: dict[str, Any] = response.body
        left = run["state"] in UNFINISHED or any(run["counts"].get(state) for state in ("queued", "running"))
        if not left:
            return run
        pause.wait(POLL_S)


def print_run(ctx: click.Context, run: dict[str, Any], *, as_json: bool) -> None:
    """Print a run; dead jobs are in red, and set the exit status."""
    print_result(run, as_json=as_json)
    if dead := run["counts"].get(JobState.DEAD.value, 0):
        click.secho(f"{dead:,} jobs are dead: mergelane jobs list --state dead", fg="red", err=True)
        ctx.exit(SOME_DEAD)


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    times = run["created_at"], run["finished_at"] or ""
    return run["run_id"], run["kind"], run["state"], run["label"] or "", *times, format_counts(run["counts"])
