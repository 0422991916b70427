"""Exports all profiles of a workspace, page by page, as JSON Lines or CSV."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from cli.bulk.files import FileFormat
from cli.bulk.outputs.checkpoint import Checkpoint
from cli.client import Client
from schemas.json_values import dump_printable
from schemas.paging import MAX_LIMIT
from schemas.profile import ProfileSchema
from schemas.text import format_csv, safe_cell

#: All members of a profile, in the order of exports.
PROFILE_FIELDS = tuple(ProfileSchema().fields)
EXPORTED = "exported"


def export_profiles(
    client: Client,
    checkpoint: Checkpoint,
    form: FileFormat,
    *,
    fields: Sequence[str],
    on_progress: Callable[[Mapping[str, int]], object],
) -> None:
    """Write *fields* of the remaining profiles to the output of *checkpoint*."""
    state = checkpoint.state
    if not state.written:
        checkpoint.write(format_export_header(form, fields))
    cursor, counts, more = state.cursor, dict(state.counts), not state.finished
    while more:
        page = client.get("/profiles", limit=MAX_LIMIT, cursor=cursor)
        written = checkpoint.write(format_profiles(page["profiles"], form, fields))
        counts[EXPORTED] = counts.get(EXPORTED, 0) + len(page["profiles"])
        cursor = page["next_cursor"]
        more = cursor is not None
        checkpoint.save(cursor=cursor, counts=counts, written=written, finished=not more)
        on_progress(counts)


def format_export_header(form: FileFormat, fields: Sequence[str]) -> bytes:
    """Return the header of an export; JSON Lines have none."""
    return format_csv([fields]) if form is FileFormat.CSV else b""


def format_profiles(profiles: Iterable[Mapping[str, Any]], form: FileFormat, fields: Sequence[str]) -> bytes:
    """Return the lines of *profiles* with these *fields*; a CSV cell holds JSON unless its value is text."""
    if form is FileFormat.CSV:
        return format_csv([_cell(profile.get(name)) for name in fields] for profile in profiles)
    chosen = ({name: profile[name] for name in fields if name in profile} for profile in profiles)
    return b"".join(dump_printable(profile, option=orjson.OPT_APPEND_NEWLINE) for profile in chosen)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return safe_cell(value) if isinstance(value, str) else dump_printable(value).decode()
