"""`mergelane runs`: operations of many batches, their cancellation and their undo."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from cli.commands.options import cursor_option, json_option, limit_option, max_failures_option
from cli.commands.output import format_counts, print_page, print_result, print_status
from cli.commands.remote import Remote, remote_options
from schemas.outcomes import JobState, RunKind, RunStatus

if TYPE_CHECKING:
    from cli.client import Client, Response

COLUMNS = ("RUN_ID", "KIND", "STATE", "LABEL", "CREATED_AT", "FINISHED_AT", "COUNTS")
#: Seconds for which the server holds its response back; shorter than the time-out of the client.
WAIT_S = 10
#: The exit status of a run with dead jobs, as of `mergelane merge`.
SOME_DEAD = 3
UNFINISHED = frozenset({RunStatus.OPEN.value, RunStatus.RUNNING.value})


@click.group()
def runs() -> None:
    """List, show, cancel, resume and undo runs.

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


@runs.command("resume")
@click.argument("run_id", type=click.UUID)
@max_failures_option
@click.option("--no-limit", is_flag=True, help="Remove the limit of failures.")
@json_option
@remote_options
def resume_merge_run(
    *, run_id: UUID, max_failures: int | str | None, no_limit: bool, as_json: bool, remote: Remote
) -> None:
    """Let the jobs of the run RUN_ID begin again that was paused because too many had failed, and show it.

    The limit stays, unless an option changes it. Jobs that have ended before do not count for it.
    """
    if no_limit and max_failures is not None:
        raise click.UsageError("Use either --max-failures or --no-limit.")
    body = {} if max_failures is None and not no_limit else {"max_failures": max_failures}
    print_result(remote.send("POST", f"/merge/runs/{run_id}/resume", HTTPStatus.OK, body=body), as_json=as_json)


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
    """Wait until a run ends, and return it."""
    from cli.client import require_status

    return _poll(client, run_id, lambda response: require_status(response, HTTPStatus.OK).body, until=_has_ended)


def wait_for_merges(client: "Client", run_id: str) -> dict[str, Any]:
    """Wait until all jobs of a run have ended, also when it was cancelled, and return it.

    A key without the permission to read runs, and an older server, end the wait.
    """
    return _poll(
        client,
        run_id,
        lambda response: response.body if response.status == HTTPStatus.OK else {},
        until=lambda run: not run or (_has_ended(run) and not any(map(run["counts"].get, ("queued", "running")))),
    )


def _has_ended(run: dict[str, Any]) -> bool:
    return run["state"] not in UNFINISHED


def _poll(
    client: "Client",
    run_id: str,
    read: "Callable[[Response], dict[str, Any]]",
    *,
    until: Callable[[dict[str, Any]], bool],
) -> dict[str, Any]:
    """Poll a run until a condition holds, and return it. The server answers when the run changes, or after a while."""
    headers: dict[str, str] = {}
    while True:
        response = client.request("GET", f"/merge/runs/{run_id}", headers=headers)
        if response.status != HTTPStatus.NOT_MODIFIED:
            run = read(response)
            if until(run):
                return run
            # A server of an older version sends no ETag.
            tag = response.headers.get("ETag")
            headers = {"If-None-Match": tag, "Prefer": f"wait={WAIT_S}"} if tag else {}
        client.wait_to_poll(response)


def print_run(ctx: click.Context, run: dict[str, Any], *, as_json: bool) -> None:
    """Print a run; dead jobs are in red, and set the exit status."""
    print_result(run, as_json=as_json)
    if run.get("paused_at"):
        click.secho(f"The run is paused: {run['paused_reason']}", fg="red", err=True)
    exit_if_dead(ctx, run["counts"])


def exit_if_dead(ctx: click.Context, counts: Mapping[str, int]) -> None:
    """End with the exit status SOME_DEAD, and say so in red, when *counts* have dead jobs."""
    if dead := counts.get(JobState.DEAD.value, 0):
        click.secho(f"{dead:,} jobs are dead: mergelane jobs list --state dead", fg="red", err=True)
        ctx.exit(SOME_DEAD)


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    times = run["created_at"], run["finished_at"] or ""
    # A server of an older version pauses no run.
    state = f"{run['state']} (paused)" if run.get("paused_at") else run["state"]
    return run["run_id"], run["kind"], state, run["label"] or "", *times, format_counts(run["counts"])
