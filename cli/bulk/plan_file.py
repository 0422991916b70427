"""`mergelane merge --plan`: plans the pairs of a file, and writes them with outcomes and changes for review."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from secrets import token_hex
from threading import Event
from typing import Any

import orjson

from app.text_files.header import read_header
from app.text_files.merge_columns import PAIR_COLUMNS, cells_from_update
from app.text_files.merge_pairs import FilePair, Json
from app.text_files.records import read_records
from cli.bulk.files import FileError, FileFormat, detect_format
from cli.bulk.merge_batches import PairChunk
from cli.bulk.merge_file import MergeOptions, OpenProgress, read_chunks
from cli.bulk.outputs.outcome_file import INVALID
from cli.bulk.outputs.output_file import Writer, is_stream, open_locked, open_stream, spool_folder
from cli.bulk.reading.source import Source, open_source
from cli.client import Client, require_status
from schemas.json_values import dump_json, dump_printable
from schemas.plans import MAX_INDEX
from schemas.text import format_csv, safe_cell

#: The columns of a plan file beside the pair. INDEX selects an update for `mergelane apply --only`.
INDEX = "index"
COLUMNS = (INDEX, "line", "outcome", "reason", "orphan_braze_id", "survivor_braze_id", "changes")
#: What `mergelane apply --only` needs.
NO_INDEX = "{where} has no index of an update. Name a plan file of `mergelane merge --plan`, with lines removed if any."


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """The plan of a file; None if the file has no valid pair."""

    plan: Json | None
    #: Lines by their outcome.
    counts: Mapping[str, int]


def plan_file(options: MergeOptions, *, progress: OpenProgress) -> PlannedFile:
    """Plan the pairs of the file, write the plan file, and return the plan.

    Nothing is merged. An interrupted command is run again from the start, with a plan of its own.
    """
    form = options.form if is_stream(options.output) else detect_format(str(options.output), None)
    with open_source(
        options.file, options.form, spool=spool_folder(options.output), encoding=options.encoding
    ) as source:
        if is_stream(options.output):
            with open_stream(options.output) as stream:
                return _plan(options, source, stream, form, progress)
        with open_locked(options.output, source=source.file) as output:
            output.truncate(0)
            return _plan(options, source, output, form, progress)


def _plan(
    options: MergeOptions, source: Source, output: Writer, form: FileFormat, progress: OpenProgress
) -> PlannedFile:
    counts: Counter[str] = Counter()
    plan: Json | None = None
    salt = token_hex(16)
    if form is FileFormat.CSV:
        output.write(format_csv([(*COLUMNS, *PAIR_COLUMNS)]))
    with closing(options.new_client(Event())) as client, progress(source.lines, 0) as display:
        for chunk in read_chunks(source, options):
            updates: Sequence[Json] = ()
            if chunk.valid:
                page = _send(client, None if plan is None else plan["plan_id"], chunk, salt)
                updates, plan = page["updates"], page
            lines = list(_lines(chunk, updates))
            counts.update(line["outcome"] for _, line in lines)
            output.write(_format(lines, form))
            display.update(sum(counts.values()), counts)
    output.sync()
    return PlannedFile(plan=plan, counts=counts)


def _send(client: Client, plan_id: str | None, chunk: PairChunk, salt: str) -> Json:
    """Send the pairs of *chunk* as the next page of the plan; the first one creates it."""
    body = {"merge_updates": [pair.update for pair in chunk.valid]}
    headers = {"Idempotency-Key": f"plan-{salt}-{chunk.line}"}
    path, status = "/merge/plans", HTTPStatus.CREATED
    if plan_id is not None:
        path, status = f"/merge/plans/{plan_id}/updates", HTTPStatus.OK
    page: Json = require_status(client.request("POST", path, body=body, headers=headers), status).body
    return page


def _lines(chunk: PairChunk, updates: Sequence[Json]) -> Iterator[tuple[FilePair, Json]]:
    """Yield each pair of *chunk* with its line of the plan file."""
    planned = iter(updates)
    for pair in chunk.pairs:
        if pair.fault is not None:
            yield pair, {"line": pair.line, "outcome": INVALID, "reason": pair.fault}
            continue
        update = next(planned)
        sides = {f"{role}_braze_id": (update[role] or {}).get("braze_id") for role in ("orphan", "survivor")}
        same = {name: update[name] for name in ("outcome", "reason", "changes")}
        yield pair, {INDEX: update["index"], "line": pair.line, **same, **sides}


def _format(lines: Sequence[tuple[FilePair, Json]], form: FileFormat) -> bytes:
    if form is FileFormat.CSV:
        return format_csv(_row(pair, line) for pair, line in lines)
    return b"".join(
        dump_printable(
            {name: line[name] for name in COLUMNS if line.get(name) is not None} | pair.update,
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for pair, line in lines
    )


def _row(pair: FilePair, line: Json) -> list[Any]:
    changes = dump_json(line["changes"]).decode() if line.get("changes") else None
    cells = [*({**line, "changes": changes}.get(name) for name in COLUMNS), *cells_from_update(pair.update).values()]
    return [safe_cell(cell) if isinstance(cell, str) else cell for cell in cells]


def read_indexes(file: Path) -> list[int]:
    """Return the indexes of the updates in a plan file from which lines were removed; raise FileError without any."""
    form = detect_format(str(file), None)
    with open_source(str(file), form, spool=file.parent) as source:
        header = read_header(source) if source.form is FileFormat.CSV else None
        found = []
        for record in read_records(source, header):
            value = record.value if isinstance(record.value, Mapping) else {}
            if value.get("outcome") == INVALID:
                continue
            found.append(_index(value.get(INDEX), where=f"Line {record.line} of {source.name}"))
    if not found:
        raise FileError(NO_INDEX.format(where=file))
    return found


def _index(value: Any, *, where: str) -> int:
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_INDEX):
        raise FileError(NO_INDEX.format(where=where))
    return int(text)
