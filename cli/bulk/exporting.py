"""The run of an export: page after page of all profiles of a workspace, as JSON Lines or CSV."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from typing import IO, Any

import orjson

from cli.bulk.journal import Journal
from cli.bulk.source import Form
from cli.client import Client
from schemas.jobs import MAX_LIMIT
from schemas.profile import ProfileSchema

#: Every member that a profile may have, in the order in which exports show them.
FIELDS = tuple(ProfileSchema().fields)
EXPORTED = "exported"


def export(
    client: Client,
    journal: Journal,
    form: Form,
    *,
    fields: Sequence[str],
    moved: Callable[[Mapping[str, int]], object],
) -> None:
    """Write all profiles to the journal's file from where its state stands, with *fields* of each alone."""
    state = journal.state
    if not state.written:
        journal.write(header(form, fields))
    cursor, counts, more = state.cursor, dict(state.counts), not state.finished
    while more:
        page = client.get("/profiles", limit=MAX_LIMIT, cursor=cursor)
        written = journal.write(lines(page["profiles"], form, fields))
        counts[EXPORTED] = counts.get(EXPORTED, 0) + len(page["profiles"])
        cursor = page["next_cursor"]
        more = cursor is not None
        journal.save(cursor=cursor, counts=counts, written=written, finished=not more)
        moved(counts)


def stream(client: Client, file: IO[bytes], form: Form, *, fields: Sequence[str]) -> None:
    """Write all profiles to *file*, which cannot be gone on with after an interruption."""
    file.write(header(form, fields))
    cursor, more = None, True
    while more:
        page = client.get("/profiles", limit=MAX_LIMIT, cursor=cursor)
        file.write(lines(page["profiles"], form, fields))
        cursor = page["next_cursor"]
        more = cursor is not None
    file.flush()


def header(form: Form, fields: Sequence[str]) -> bytes:
    """Return how a file of profiles begins."""
    return _csv([fields]) if form is Form.CSV else b""


def lines(profiles: Iterable[Mapping[str, Any]], form: Form, fields: Sequence[str]) -> bytes:
    """Return the lines of *profiles*, with *fields* of each alone; in CSV, what is no text stands as JSON."""
    if form is Form.CSV:
        return _csv([_cell(profile.get(name)) for name in fields] for profile in profiles)
    wanted = ({name: profile[name] for name in fields if name in profile} for profile in profiles)
    return b"".join(orjson.dumps(profile, option=orjson.OPT_APPEND_NEWLINE) for profile in wanted)


def _cell(value: Any) -> str:
    """Return *value* as the text of a cell."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    """Return *rows* as CSV in UTF-8."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
