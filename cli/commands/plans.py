"""`mergelane plans`: merges that are previewed and kept; `mergelane merge --plan` makes them."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

import click

from cli.commands.options import cursor_option, json_option, limit_option
from cli.commands.output import format_counts, print_json, print_page, print_status, print_table, print_values
from cli.commands.remote import Remote, remote_options

COLUMNS = ("PLAN_ID", "STATE", "UPDATES", "CREATED_AT", "EXPIRES_AT", "RUN_ID", "COUNTS")
UPDATE_COLUMNS = ("INDEX", "OUTCOME", "ORPHAN", "SURVIVOR", "CHANGES", "REASON")


@click.group()
def plans() -> None:
    """List, show and discard plans of merges.

    A plan has the outcome and the changes of each merge. `mergelane merge FILE --plan` makes one, `mergelane apply`
    applies it.
    """


@plans.command("list")
@limit_option
@cursor_option
@json_option
@remote_options
def list_plans(*, as_json: bool, remote: Remote, **query: Any) -> None:
    """List plans, newest first."""
    page = remote.get("/merge/plans", **query)
    print_page(page, COLUMNS, map(_row, page["plans"]), as_json=as_json)


@plans.command("show")
@click.argument("plan_id", type=click.UUID)
@limit_option
@cursor_option
@json_option
@remote_options
def show_plan(*, plan_id: UUID, as_json: bool, remote: Remote, **query: Any) -> None:
    """Show the plan PLAN_ID: its summary, and a page of its merges."""
    plan = remote.get(f"/merge/plans/{plan_id}", **query)
    if as_json:
        print_json(plan)
        return
    print_summary(plan)
    print_table(UPDATE_COLUMNS, map(_update_row, plan["updates"]))
    if plan["next_cursor"] is not None:
        print_status(f"The next page: --cursor {plan['next_cursor']}")


@plans.command("discard")
@click.argument("plan_id", type=click.UUID)
@remote_options
def discard_plan(*, plan_id: UUID, remote: Remote) -> None:
    """Discard the open plan PLAN_ID."""
    remote.send("DELETE", f"/merge/plans/{plan_id}", HTTPStatus.OK)
    print_status(f"The plan {plan_id} is discarded.")


def print_summary(plan: dict[str, Any], *, err: bool = False) -> None:
    """Print the summary of a plan: outcomes, changed fields and the largest merges."""
    lines = {
        "plan_id": plan["plan_id"],
        "state": plan["state"],
        "expires_at": plan["expires_at"],
        "run_id": plan["run_id"],
        "updates": f"{plan['updates_count']:,}",
        "outcomes": format_counts(plan["counts"]),
        "fields changed": format_counts(plan["fields_changed"]) if plan["fields_changed"] else "none",
        "largest merges": "; ".join(
            f"{each['index']}: {each['orphan']} into {each['survivor']}, {each['changes']:,} changes"
            for each in plan["largest"]
        )
        or "none",
    }
    if err:
        print_status("\n".join(f"{name}  {value}" for name, value in lines.items() if value is not None))
    else:
        print_values(lines)


def _row(plan: dict[str, Any]) -> tuple[str, ...]:
    times = plan["created_at"], plan["expires_at"]
    return (
        plan["plan_id"],
        plan["state"],
        f"{plan['updates_count']:,}",
        *times,
        plan["run_id"] or "",
        format_counts(plan["counts"]),
    )


def _update_row(update: dict[str, Any]) -> tuple[str, ...]:
    sides = ((update[role] or {}).get("braze_id", "") for role in ("orphan", "survivor"))
    return str(update["index"]), update["outcome"], *sides, f"{len(update['changes']):,}", update["reason"]
