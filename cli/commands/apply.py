"""`mergelane apply`: applies a plan of merges."""

from http import HTTPStatus
from pathlib import Path
from uuid import UUID

import click

from cli.commands.options import json_option
from cli.commands.output import print_status
from cli.commands.remote import Remote, remote_options
from cli.commands.runs import print_run, wait_for_run


@click.command()
@click.argument("plan_id", type=click.UUID)
@click.option(
    "--only",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Apply only the lines that are left in this plan file, .csv or .jsonl.",
)
@click.option("--no-wait", is_flag=True, help="Print the id of the run at once; do not wait for its end.")
@json_option
@remote_options
@click.pass_context
def apply(
    ctx: click.Context, /, *, plan_id: UUID, only: Path | None, no_wait: bool, as_json: bool, remote: Remote
) -> None:
    """Apply a plan of merges, or the lines of it that a person has reviewed.

    A merge takes place only if both profiles are as the plan saw them. The others get the outcome changed_since_plan.
    The command displays the run of the plan at its end; `mergelane runs undo` takes it back.

    Exit status: 3 when some jobs are dead.
    """
    from cli.bulk.plan_file import read_indexes
    from cli.client import require_status

    body = {} if only is None else {"only": read_indexes(only)}
    with remote.connect() as client:
        # The key makes the request repeatable: a plan is applied once.
        headers = {"Idempotency-Key": f"apply-{plan_id}"}
        response = client.request("POST", f"/merge/plans/{plan_id}/apply", body=body, headers=headers)
        run_id = require_status(response, HTTPStatus.ACCEPTED).body["run_id"]
        if no_wait:
            print_status(f"The plan {plan_id} is being applied, by the run")
            click.echo(run_id)
            return
        print_run(ctx, wait_for_run(client, run_id), as_json=as_json)
