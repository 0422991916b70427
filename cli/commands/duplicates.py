"""`mergelane duplicates`: how duplicates are to be merged, what that would do, and runs that do it."""

from http import HTTPStatus
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID

import click

from cli.client import Client, accepted
from cli.commands.listing import cursor_option, limit_option, tell_next
from cli.commands.progress import told
from cli.commands.remote import Remote, remote_options, tell
from cli.commands.tables import json_option, show_json, show_table, show_values
from schemas.keeping import Prefer, RunState, SharedAddress, TiesBy

COLUMNS = ("RUN_ID", "TRIGGER", "STATE", "CREATED_AT", "GROUPS", "TO_MERGE", "UNDECIDED", "LEFT")
RULE = (
    click.option(
        "--identifier",
        type=click.Choice([each.value for each in SharedAddress]),
        help="By which address they are duplicates.",
    ),
    click.option(
        "--resolve-ties-by", type=click.Choice([each.value for each in TiesBy]), help="By which time ties are resolved."
    ),
    click.option(
        "--prefer", type=click.Choice([each.value for each in Prefer]), help="Which end of these times is kept."
    ),
)
#: Seconds between two looks at a run.
LOOK_S = 1.0


def rule_options(command: Any) -> Any:
    """Give *command* the options that say a rule."""
    for option in reversed(RULE):
        command = option(command)
    return command


@click.group()
def duplicates() -> None:
    """Find profiles that share an email address or phone number, and merge them by a rule."""


@duplicates.command()
@rule_options
@click.option("--daily-at", metavar="HH:MM", help="Begin a run every day at this time.")
@click.option("--time-zone", metavar="ZONE", help="Where it is that time; UTC by default.")
@click.option("--no-daily", is_flag=True, help="Begin no run every day.")
@json_option
@remote_options
def policy(*, no_daily: bool, as_json: bool, remote: Remote, **given: str | None) -> None:
    """Show how duplicates are merged, or set those parts of it that are given."""
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if no_daily:
        changes["daily_at"] = None
    with remote.asked() as client:
        shown = client.get("/duplicates/policy")
        if changes:
            body = {name: value for name, value in shown.items() if name != "next_daily_at"} | changes
            shown = accepted(client.ask("PUT", "/duplicates/policy", body=body), HTTPStatus.OK).body
    (show_json if as_json else show_values)(shown)


@duplicates.command()
@rule_options
@click.option(
    "--csv",
    "file",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="Write the profiles, a line each, in the vendor's columns; - for standard output.",
)
@json_option
@remote_options
def preview(*, file: Path | None, as_json: bool, remote: Remote, **rule: str | None) -> None:
    """Show what a run would find, in numbers or profile by profile; nothing is merged.

    By the workspace's rule, but for those parts of it that are given.
    """
    with remote.asked() as client:
        if file is None:
            shown = client.get("/duplicates/preview", **rule)
            (show_json if as_json else show_values)(shown)
            return
        with click.open_file(str(file), "wb") as output:
            for part in client.stream("/duplicates/preview.csv", **rule):
                output.write(part)


@duplicates.command()
@click.option("--wait", is_flag=True, help="Wait until every duplicate is in the ledger.")
@json_option
@remote_options
def run(*, wait: bool, as_json: bool, remote: Remote) -> None:
    """Begin a run by the workspace's rule, and print its id. Its merges can be undone, batch by batch."""
    with remote.asked() as client:
        # Made again after a lost answer, it would be refused because of itself: better told than hidden.
        answer = client.ask("POST", "/duplicates/runs", repeatable=False)
        begun = accepted(answer, HTTPStatus.ACCEPTED).body
        shown = _waited_for(client, begun["status_url"]) if wait else client.get(begun["status_url"])
    if as_json:
        show_json(shown)
    else:
        tell(f"The run is {shown['state']}. Its batches: {shown['batches_url']}")
        click.echo(begun["run_id"])


@duplicates.command()
@limit_option
@cursor_option
@json_option
@remote_options
def runs(*, limit: int, cursor: str | None, as_json: bool, remote: Remote) -> None:
    """Show a page of runs, the newest first."""
    with remote.asked() as client:
        page = client.get("/duplicates/runs", limit=limit, cursor=cursor)
    if as_json:
        show_json(page)
        return
    show_table(COLUMNS, [_row(each) for each in page["runs"]])
    tell_next(page)


@duplicates.command()
@click.argument("run_id", type=click.UUID)
@json_option
@remote_options
def show(*, run_id: UUID, as_json: bool, remote: Remote) -> None:
    """Show the run RUN_ID: how far it is, and what it has found."""
    with remote.asked() as client:
        shown = client.get(f"/duplicates/runs/{run_id}")
    (show_json if as_json else show_values)(shown)


@duplicates.command()
@click.argument("run_id", type=click.UUID)
@remote_options
def cancel(*, run_id: UUID, remote: Remote) -> None:
    """End the run RUN_ID. The merges that it has asked for go on; they can be undone."""
    with remote.asked() as client:
        accepted(client.ask("POST", f"/duplicates/runs/{run_id}/cancel"), HTTPStatus.OK)
    tell(f"The run {run_id} is cancelled.")


def _waited_for(client: Client, path: str) -> dict[str, Any]:
    """Return the run at *path* when it has ended."""
    pause = Event()
    while True:
        shown: dict[str, Any] = client.get(path)
        if shown["state"] != RunState.RUNNING:
            return shown
        pause.wait(LOOK_S)


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    """Return *run* as a row of COLUMNS."""
    counts = run["counts"]
    numbers = str(counts["groups"]), str(counts["to_merge"]), told(counts["undecided"]), told(counts["left"])
    return run["run_id"], run["trigger"], run["state"], run["created_at"], *numbers
