"""Exports the identity feed, or the survivors of all ids, page by page, in lines of flat columns."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from cli.bulk.files import FileFormat
from cli.bulk.outputs.checkpoint import Checkpoint
from cli.client import Client
from schemas.identities import MAX_CHANGES
from schemas.json_values import dump_printable
from schemas.text import format_csv, safe_cell

Json = Mapping[str, Any]

EXPORTED = "exported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list of the API that is exported."""

    #: Of its checkpoints, and in messages: changes, ids.
    name: str
    path: str
    #: The member of a page with the items.
    items: str
    columns: Sequence[str]


CHANGES = Listing(
    name="changes",
    path="/identities",
    items="changes",
    columns=(
        "number",
        "cursor",
        "kind",
        "at",
        "job_id",
        "undoes",
        "orphan_braze_id",
        "orphan_external_id",
        "survivor_braze_id",
        "survivor_external_id",
        "former_external_id",
    ),
)
IDS = Listing(
    name="ids",
    path="/survivors",
    items="ids",
    columns=("id", "id_type", "state", "braze_id", "merged_into", "survivor_braze_id", "survivor_external_id"),
)


def export_listing(
    client: Client,
    checkpoint: Checkpoint,
    form: FileFormat,
    *,
    listing: Listing,
    since: str | None,
    on_progress: Callable[[Mapping[str, int]], object],
) -> str | None:
    """Write the remaining pages of *listing*, from *since* on, to the output of *checkpoint*.

    Return the cursor of the feed from which a later export continues; None for a feed without changes.
    """
    state = checkpoint.state
    if not state.written:
        checkpoint.write(format_csv([listing.columns]) if form is FileFormat.CSV else b"")
    cursor, feed_cursor, counts = state.cursor or since, state.feed_cursor, dict(state.counts)
    more = not state.finished
    while more:
        page = client.get(listing.path, limit=MAX_CHANGES, cursor=cursor)
        items = page[listing.items]
        written = checkpoint.write(format_rows(map(flatten, items), form, listing.columns))
        counts[EXPORTED] = counts.get(EXPORTED, 0) + len(items)
        feed_cursor = feed_cursor or page.get("feed_cursor")
        cursor = page["next_cursor"]
        # The feed has no end: the next run appends what came later.
        more = page["has_more"] if listing is CHANGES else cursor is not None
        checkpoint.save(
            cursor=cursor,
            feed_cursor=feed_cursor,
            counts=counts,
            written=written,
            finished=listing is not CHANGES and not more,
        )
        on_progress(counts)
    return cursor if listing is CHANGES else feed_cursor


def flatten(item: Json) -> Iterator[tuple[str, Any]]:
    """Yield the members of *item* by column: those of a profile have its role in front."""
    for name, value in item.items():
        if name in {"orphan", "survivor"}:
            for part in ("braze_id", "external_id"):
                yield f"{name}_{part}", None if value is None else value[part]
        else:
            yield name, value


def format_rows(rows: Iterable[Iterable[tuple[str, Any]]], form: FileFormat, columns: Sequence[str]) -> bytes:
    """Return the lines of *rows*. A cell of CSV is safe to open; it is empty for null."""
    found = [dict(row) for row in rows]
    if form is FileFormat.CSV:
        return format_csv([_cell(row[name]) for name in columns] for row in found)
    return b"".join(
        dump_printable({name: row[name] for name in columns}, option=orjson.OPT_APPEND_NEWLINE) for row in found
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return safe_cell(value) if isinstance(value, str) else str(value)
