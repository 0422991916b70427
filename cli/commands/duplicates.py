"""`mergelane duplicates`: the policy for duplicates, its preview, the runs that merge them, and excluded pairs."""

from http import HTTPStatus
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from cli.commands.options import cursor_option, json_option, limit_option
from cli.commands.output import format_counts, print_json, print_page, print_result, print_status
from cli.commands.plans import print_summary
from cli.commands.remote import Remote, remote_options
from cli.commands.runs import SOME_DEAD, wait_for_merges
from schemas.keeping import Prefer, RunState, SharedAddress, TiesBy
from schemas.outcomes import JobState

if TYPE_CHECKING:
    from cli.client import Client

COLUMNS = ("RUN_ID", "TRIGGER", "STATE", "CREATED_AT", "GROUPS", "TO_MERGE", "UNDECIDED", "LEFT")
RULE = (
    click.option(
        "--identifier",
        type=click.Choice([each.value for each in SharedAddress]),
        help="The identifier that duplicates share.",
    ),
    click.option(
        "--resolve-ties-by", type=click.Choice([each.value for each in TiesBy]), help="The time that decides ties."
    ),
    click.option("--prefer", type=click.Choice([each.value for each in Prefer]), help="Keep the newest or the oldest."),
)
EXCLUSION_COLUMNS = ("EXCLUSION_ID", "PROFILES", "CREATED_AT", "BY", "REASON")
EXCLUSIONS = "/duplicates/exclusions"
#: Seconds between two polls of a run.
POLL_S = 1.0


def rule_options(command: Any) -> Any:
    """Add the options of a rule to *command*."""
    for option in reversed(RULE):
        command = option(command)
    return command


@click.group()
def duplicates() -> None:
    """Find profiles that share an email address or phone number, and merge them by a rule."""


@duplicates.command("policy")
@rule_options
@click.option("--daily-at", metavar="HH:MM", help="Start a run every day at this time.")
@click.option("--time-zone", metavar="ZONE", help="The time zone of --daily-at. Default: UTC.")
@click.option("--no-daily", is_flag=True, help="Start no daily run.")
@json_option
@remote_options
def show_policy(*, no_daily: bool, as_json: bool, remote: Remote, **given: str | None) -> None:
    """Show the policy, or change the parts that options name."""
    from cli.client import require_status

    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if no_daily:
        changes["daily_at"] = None
    with remote.connect() as client:
        current = client.get("/duplicates/policy")
        if changes:
            body = {name: value for name, value in current.items() if name != "next_daily_at"} | changes
            current = require_status(client.request("PUT", "/duplicates/policy", body=body), HTTPStatus.OK).body
    print_result(current, as_json=as_json)


@duplicates.command("preview")
@rule_options
@click.option(
    "--csv",
    "file",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="Write one line per profile to this file, in the vendor's columns; - is standard output.",
)
@json_option
@remote_options
def preview_run(*, file: Path | None, as_json: bool, remote: Remote, **rule: str | None) -> None:
    """Show what a run would merge; nothing is merged.

    Uses the rule of the workspace, changed by the options. Prints counts, or one line per profile with --csv.
    """
    with remote.connect() as client:
        if file is None:
            print_result(client.get("/duplicates/preview", **rule), as_json=as_json)
            return
        with click.open_file(str(file), "wb") as output:
            for block in client.stream("/duplicates/preview.csv", **rule):
                output.write(block)


@duplicates.command("run")
@click.option("--wait", is_flag=True, help="Wait until every merge of the run has ended.")
@click.option(
    "--plan",
    is_flag=True,
    help="Merge nothing: keep the merges as a plan for `mergelane apply`, wait for it and show its summary.",
)
@json_option
@remote_options
@click.pass_context
def start_run(ctx: click.Context, /, *, wait: bool, plan: bool, as_json: bool, remote: Remote) -> None:
    """Start a run by the rule of the workspace, and print its id.

    The merges of a run can be undone: see `mergelane runs undo`. Exit status: 3 when --wait is given and some jobs are
    dead, 1 when a plan is not complete.
    """
    from cli.client import require_status

    with remote.connect() as client:
        # Not repeatable: after a lost response, the retry would be refused because of the first request.
        response = client.request("POST", "/duplicates/runs", body={"plan": True} if plan else None, repeatable=False)
        started = require_status(response, HTTPStatus.ACCEPTED).body
        if plan:
            _show_plan(ctx, client, started, as_json=as_json)
            return
        run = _wait_for_scan(client, started["status_url"]) if wait else client.get(started["status_url"])
        merges = wait_for_merges(client, started["run_id"]) if wait else {}
    if as_json:
        print_json(run)
    else:
        print_status(f"The run is {run['state']}. Its batches: {run['batches_url']}")
        click.echo(started["run_id"])
    if merges.get("counts"):
        print_status(f"Its merges: {format_counts(merges['counts'])}.")
    if merges.get("counts", {}).get(JobState.DEAD.value):
        ctx.exit(SOME_DEAD)


@duplicates.command("runs")
@limit_option
@cursor_option
@json_option
@remote_options
def list_runs(*, limit: int, cursor: str | None, as_json: bool, remote: Remote) -> None:
    """List runs, newest first."""
    page = remote.get("/duplicates/runs", limit=limit, cursor=cursor)
    print_page(page, COLUMNS, map(_row, page["runs"]), as_json=as_json)


@duplicates.command("show")
@click.argument("run_id", type=click.UUID)
@json_option
@remote_options
def show_run(*, run_id: UUID, as_json: bool, remote: Remote) -> None:
    """Show the progress and the counts of the run RUN_ID."""
    print_result(remote.get(f"/duplicates/runs/{run_id}"), as_json=as_json)


@duplicates.command("cancel")
@click.argument("run_id", type=click.UUID)
@remote_options
def cancel_run(*, run_id: UUID, remote: Remote) -> None:
    """Cancel the run RUN_ID. Jobs that it has already created are not cancelled; their merges can be undone."""
    remote.send("POST", f"/duplicates/runs/{run_id}/cancel", HTTPStatus.OK)
    print_status(f"Cancelled the run {run_id}.")


@duplicates.command("exclude")
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@click.option("--reason", help="Why the two are not a match; the list and the audit show it.")
@json_option
@remote_options
def exclude_pair(*, one: str, other: str, reason: str | None, as_json: bool, remote: Remote) -> None:
    """Record that the profiles A and B are not a match, so that no run merges them, and print the id.

    A and B are braze_ids, or external_id:VALUE, or alias:LABEL:NAME. Merges that a request names are not refused.
    """
    body = {"exclusions": [{"profiles": [_identifier(one), _identifier(other)], "reason": reason}]}
    (stored,) = remote.send("POST", EXCLUSIONS, HTTPStatus.CREATED, body=body)["exclusions"]
    if as_json:
        print_json(stored)
    else:
        click.echo(stored["exclusion_id"])


@duplicates.command("exclusions")
@limit_option
@cursor_option
@json_option
@remote_options
def list_exclusions(*, limit: int, cursor: str | None, as_json: bool, remote: Remote) -> None:
    """List the pairs that runs leave alone, newest first."""
    page = remote.get(EXCLUSIONS, limit=limit, cursor=cursor)
    print_page(page, EXCLUSION_COLUMNS, map(_exclusion_row, page["exclusions"]), as_json=as_json)


@duplicates.command("allow")
@click.argument("exclusion_id", type=click.UUID)
@remote_options
def allow_pair(*, exclusion_id: UUID, remote: Remote) -> None:
    """Delete the exclusion EXCLUSION_ID, so that runs may merge its pair again."""
    remote.send("DELETE", f"{EXCLUSIONS}/{exclusion_id}", HTTPStatus.OK, repeatable=False)
    print_status(f"Deleted the exclusion {exclusion_id}.")


def _identifier(text: str) -> dict[str, Any]:
    """Return the identifier of a profile that a command line names."""
    kind, _, value = text.partition(":")
    if kind == "external_id" and value:
        return {"external_id": value}
    label, _, name = value.partition(":")
    if kind == "alias" and label and name:
        return {"user_alias": {"alias_label": label, "alias_name": name}}
    return {"braze_id": text}


def _exclusion_row(exclusion: dict[str, Any]) -> tuple[str, ...]:
    sides = " ".join(each["braze_id"] for each in exclusion["profiles"])
    key, undo = exclusion["key"], exclusion["undo_job_id"]
    actor = f"undo {undo}" if undo else (key or {}).get("label") or ""
    return exclusion["exclusion_id"], sides, exclusion["created_at"], actor, exclusion["reason"] or ""


def _show_plan(ctx: click.Context, client: "Client", started: dict[str, Any], *, as_json: bool) -> None:
    """Wait until the plan is complete, and show it; exit with 1 if its run was cancelled or failed."""
    run = _wait_for_scan(client, started["status_url"])
    plan = client.get(f"/merge/plans/{started['plan_id']}", limit=1)
    if as_json:
        print_json({name: value for name, value in plan.items() if name not in {"updates", "next_cursor"}})
    else:
        print_summary(plan)
    if run["state"] != RunState.FINISHED:
        print_status(f"The run {run['run_id']} is {run['state']}, so that its plan is not complete.")
        ctx.exit(1)


def _wait_for_scan(client: "Client", path: str) -> dict[str, Any]:
    """Poll the run at *path* until it has a job for every duplicate."""
    pause = Event()
    while True:
        run: dict[str, Any] = client.get(path)
        if run["state"] != RunState.RUNNING:
            return run
        pause.wait(POLL_S)


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    counts = run["counts"]
    undecided, left = format_counts(counts["undecided"]), format_counts(counts["left"])
    numbers = str(counts["groups"]), str(counts["to_merge"]), undecided, left
    return run["run_id"], run["trigger"], run["state"], run["created_at"], *numbers
