"""`mergelane queue`: pause, resume and limit the jobs of a workspace, through the API or on the database."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.errors import SetupError
from cli.commands.options import connect_database, home_option, json_option
from cli.commands.output import print_json, print_status, print_values
from cli.commands.remote import NO_KEY, Remote, optional_remote_options
from schemas.queue import MAX_LIMIT, QueueState

if TYPE_CHECKING:
    from app.db.transaction import Transaction

Json = dict[str, Any]

PATH = "/merge/queue"
NO_WORKSPACE = "Name the workspace with --workspace, or all of them with --all. " + NO_KEY
TWO_WAYS = "Use either --workspace or --all."


class QueueTarget:
    """The queues that a command is for: of one workspace or all, on the database; of the key's, through the API."""

    def __init__(self, remote: Remote | None, workspace: str | None, *, all_workspaces: bool, home: Path) -> None:
        if workspace and all_workspaces:
            raise click.UsageError(TWO_WAYS)
        self._remote = None if workspace or all_workspaces else remote
        if self._remote is None and not (workspace or all_workspaces):
            raise SetupError(NO_WORKSPACE)
        self._workspace = workspace
        self._home = home

    def read(self) -> list[Json]:
        """Return each queue as the API shows it; on the database, after the name of its workspace."""
        if self._remote is not None:
            return [self._remote.get(PATH)]
        with self._transactions() as transactions:
            return [_read(name, tx) for name, tx in transactions.items()]

    def change(self, body: Mapping[str, Any]) -> list[Json]:
        """Change each queue as the body of `PUT /merge/queue` says, and return it."""
        if self._remote is not None:
            return [self._remote.send("PUT", PATH, HTTPStatus.OK, body=body)]
        from app.audit.log import Actor
        from app.queue.control import change_queue
        from schemas.queue import load_queue_change

        with self._transactions() as transactions:
            for tx in transactions.values():
                actor = Actor(api_key_id=None, request_id=None, path=PATH)
                change_queue(tx, load_queue_change(body), actor=actor)
            return [_read(name, tx) for name, tx in transactions.items()]

    @contextmanager
    def _transactions(self) -> "Iterator[dict[str, Transaction]]":
        """Yield a transaction for each workspace, by its name; raise SetupError when there is no such workspace."""
        from app import keys
        from app.db.transaction import Transaction

        with connect_database(self._home) as connection:
            names = keys.find_workspaces(connection, name=self._workspace)
            if self._workspace and not names:
                raise SetupError(
                    f"There is no workspace {self._workspace!r}; it begins with its first key: `mergelane keys create`."
                )
            yield {name: Transaction(connection, workspace_id) for name, workspace_id in names.items()}


def target_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that select queues to *command*, which receives a `target`."""

    @wraps(command)
    def with_target(
        *, remote: Remote | None, workspace: str | None, all_workspaces: bool, home: Path, **given: Any
    ) -> None:
        command(**given, target=QueueTarget(remote, workspace, all_workspaces=all_workspaces, home=home))

    workspace = click.option("--workspace", help="Use the database, for the queue of this workspace.")
    everything = click.option("--all", "all_workspaces", is_flag=True, help="Use the database, for all workspaces.")
    return optional_remote_options(workspace(everything(home_option(with_target))))


@click.group()
def queue() -> None:
    """Show, pause, resume and limit the queue of a workspace.

    With --workspace or --all these commands use the database, as `mergelane keys` does. Otherwise they use the API with
    the key in MERGELANE_API_KEY or --key-file, for the workspace of the key.
    """


@queue.command("show")
@json_option
@target_options
def show_queue(*, as_json: bool, target: QueueTarget) -> None:
    """Show whether the queue runs, its limit, and the number of its jobs."""
    queues = target.read()
    if as_json:
        print_json(queues[0] if len(queues) == 1 else queues)
        return
    for place, each in enumerate(queues):
        if place:
            click.echo()
        print_values(each)


@queue.command("pause")
@target_options
def pause_queue(*, target: QueueTarget) -> None:
    """Pause the queue.

    Requests are accepted and their jobs wait. A lane that runs is finished.
    """
    _report(target.change({"state": QueueState.PAUSED.value}), "is paused")


@queue.command("resume")
@target_options
def resume_queue(*, target: QueueTarget) -> None:
    """Resume a paused queue."""
    _report(target.change({"state": QueueState.RUNNING.value}), "runs")


@queue.command("limit")
@click.argument("limit", type=click.IntRange(1, MAX_LIMIT), required=False)
@click.option("--none", "no_limit", is_flag=True, help="Remove the limit.")
@target_options
def limit_queue(*, limit: int | None, no_limit: bool, target: QueueTarget) -> None:
    """Let at most LIMIT jobs begin in a minute, or remove the limit with --none."""
    if (limit is None) is not no_limit:
        raise click.UsageError("Give either LIMIT or --none.")
    queues = target.change({"merges_per_minute_limit": limit})
    _report(queues, "has no limit" if limit is None else f"begins at most {limit:,} jobs in a minute")


def _read(name: str, tx: "Transaction") -> Json:
    from app.ledger.queue_control import read_queue
    from schemas.queue import QueueSchema

    queue_json: Json = QueueSchema().dump(read_queue(tx))
    return {"workspace": name, **queue_json}


def _report(queues: list[Json], what: str) -> None:
    for each in queues:
        whose = f"of the workspace {each['workspace']!r} " if "workspace" in each else ""
        # A server of an older version counts all.
        least = "" if each.get("waiting_is_exact", True) else "at least "
        waiting = sum(each["waiting"].values())
        print_status(f"The queue {whose}{what}: {least}{waiting:,} jobs wait, {each['running']:,} run.")
