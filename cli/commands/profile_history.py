"""`mergelane profiles history`: the events, purchases, sessions and engagements of a profile."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import click

from app.errors import MergelaneError
from cli.commands.options import cursor_option, json_option, limit_option
from cli.commands.output import format_value, print_line_of_json, print_page, print_table
from cli.commands.remote import Remote, remote_options
from schemas.history_pages import HistoryKind
from schemas.json_values import dump_printable
from schemas.paging import MAX_LIMIT

if TYPE_CHECKING:
    from cli.client import Client

COLUMNS = ("TIME", "KIND", "WHAT", "APP", "ORIGIN", "PROPERTIES")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOptions:
    """The options of `mergelane profiles history`."""

    braze_id: str | None
    external_id: str | None
    kind: str | None
    since: str | None
    until: str | None
    limit: int
    cursor: str | None
    everything: bool
    as_json: bool
    remote: Remote

    @property
    def query(self) -> Json:
        """The query of the first page, without its size."""
        return {"kind": self.kind, "from": self.since, "to": self.until, "cursor": self.cursor}


@click.command("history")
@click.argument("braze_id", required=False)
@click.option("--external-id", help="Name the profile by its external_id instead.")
@click.option("--kind", type=click.Choice([each.value for each in HistoryKind]), help="Only items of this kind.")
@click.option("--from", "since", metavar="TIME", help="Only items at this time or later: 2026-01-31T00:00:00Z.")
@click.option("--to", "until", metavar="TIME", help="Only items before this time.")
@limit_option
@cursor_option
@click.option("--all", "everything", is_flag=True, help="Print all pages. With --json: one item on each line.")
@json_option
@remote_options
def show_history(**given: Any) -> None:
    """List the events, purchases, sessions and engagements of the profile BRAZE_ID, newest first.

    They include those of all profiles that were merged into it; ORIGIN is the braze_id of the profile that an item was
    recorded for. For a profile that was merged away, print its survivor.
    """
    options = HistoryOptions(**given)
    if (options.braze_id is None) == (options.external_id is None):
        raise click.UsageError("Name the profile: either BRAZE_ID or --external-id.")
    with options.remote.connect() as client:
        braze_id = options.braze_id or find_braze_id(client, str(options.external_id))
        path = f"/profiles/{braze_id}/history"
        if options.everything:
            pages = iterate_pages(client, path, options.query)
            _print_items((item for page in pages for item in page["history"]), as_json=options.as_json)
            return
        page = get_page(client, path, {**options.query, "limit": options.limit})
    print_page(page, COLUMNS, map(_row, page["history"]), as_json=options.as_json)


def find_braze_id(client: "Client", external_id: str) -> str:
    """Return the braze_id of the profile with *external_id*; raise MergelaneError when there is none."""
    from cli.client import require_status

    body = {"external_ids": [external_id], "fields_to_export": ["braze_id"]}
    response = require_status(client.request("POST", "/users/export/ids", body=body), HTTPStatus.CREATED)
    users = response.body["users"]
    if not users:
        raise MergelaneError(f"No profile has the external_id {external_id!r}.")
    return str(users[0]["braze_id"])


def iterate_pages(client: "Client", path: str, filters: Json) -> Iterator[Json]:
    """Yield the pages of the history at *path*, from the cursor in *filters* to the end."""
    page = get_page(client, path, {**filters, "limit": MAX_LIMIT})
    yield page
    while page["next_cursor"] is not None:
        page = get_page(client, path, {**filters, "limit": MAX_LIMIT, "cursor": page["next_cursor"]})
        yield page


def get_page(client: "Client", path: str, query: Json) -> Json:
    """Return one page; raise MergelaneError with the survivor when the profile was merged away."""
    from cli.client import require_status

    given = {name: value for name, value in query.items() if value is not None}
    response = client.request("GET", path, query=given)
    if response.status == HTTPStatus.GONE:
        raise MergelaneError(str(response.body["message"]))
    page: Json = require_status(response, HTTPStatus.OK).body
    return page


def _print_items(items: Iterator[Json], *, as_json: bool) -> None:
    """Print *items* as a table, or as JSON Lines as soon as each arrives."""
    if not as_json:
        print_table(COLUMNS, map(_row, items))
        return
    for item in items:
        print_line_of_json(dump_printable(item).decode())


def _row(item: Json) -> tuple[str, ...]:
    """Return *item* as a row of COLUMNS."""
    match item["kind"]:
        case HistoryKind.EVENT:
            what = item["name"]
        case HistoryKind.PURCHASE:
            what = f"{item['product_id']} {item['price']:.2f} {item['currency']}"
        case HistoryKind.SESSION:
            what = f"until {item['ended_at']}" if item["ended_at"] else ""
        case _:
            what = f"{item['event']} {item['message_kind']} {item['name'] or item['message_id']}"
    return (
        item["time"],
        item["kind"],
        what,
        item.get("app_id") or "",
        item["origin"],
        format_value(item.get("properties")),
    )
