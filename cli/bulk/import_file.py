"""`mergelane profiles import`: sends the lines of a file and reports refused ones, resuming from the checkpoint."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.bulk.columns.import_columns import ATTRIBUTES, ImportColumns, read_import_columns
from cli.bulk.files import FileFormat, UnansweredPolicy
from cli.bulk.import_lines import ARRAY, COLUMNS, DELIMITER, parse_import_lines, split_import
from cli.bulk.import_run import ImportRun
from cli.bulk.merge_file import OpenProgress
from cli.bulk.outputs.checkpoint import Checkpoint, CheckpointState, open_checkpoint
from cli.bulk.outputs.output_file import spool_folder
from cli.bulk.reading.encodings import UTF_8
from cli.bulk.reading.header import Header, read_header
from cli.bulk.reading.lines import Position
from cli.bulk.reading.records import read_records
from cli.bulk.reading.source import Source, lock_source, open_source, stop_on_change
from cli.client import Client

#: The array of a segment that was exported from the vendor's dashboard.
DASHBOARD = "dashboard"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """The options of `mergelane profiles import`; *new_client* returns a client that the run closes."""

    file: str
    #: An array of `/users/track`, or DASHBOARD.
    kind: str
    report: Path
    form: FileFormat
    unanswered: UnansweredPolicy
    again: bool
    new_client: Callable[[], Client]
    encoding: str = UTF_8
    renames: Mapping[str, str] = field(default_factory=dict)
    custom: Sequence[str] = ()
    detect_types: bool = False

    @property
    def array(self) -> str:
        """The array of lines that name none."""
        return ATTRIBUTES if self.kind == DASHBOARD else self.kind


def import_file(
    options: ImportOptions, *, progress: OpenProgress, report: Callable[[str], object]
) -> Mapping[str, int]:
    """Send the rest of the file and return the number of lines by result, those of earlier runs included."""
    spool = spool_folder(options.report)
    with open_source(options.file, options.form, spool=spool, encoding=options.encoding) as source:
        header, columns = _read_columns(source, options)
        if columns is not None and columns.ignored:
            report(f"These columns are not imported: {', '.join(columns.ignored)}.")
        fresh = CheckpointState(task=f"import as {options.array}", source=source.digest)
        with (
            open_checkpoint(options.report, fresh, again=options.again, source=source.file) as checkpoint,
            lock_source(source),
        ):
            if not checkpoint.state.finished:
                _run(source, header, columns, checkpoint, options, progress)
            return checkpoint.state.counts


def _read_columns(source: Source, options: ImportOptions) -> tuple[Header | None, ImportColumns | None]:
    """Return header and columns of a CSV file; raise FileError when a column has no meaning."""
    if source.form is not FileFormat.CSV:
        return None, None
    header = read_header(source).rename(options.renames, source.name)
    columns = read_import_columns(
        header.names,
        array=options.array,
        file=source.name,
        custom=options.custom,
        dashboard=options.kind == DASHBOARD,
        detect_types=options.detect_types,
    )
    return header, columns


def _run(
    source: Source,
    header: Header | None,
    columns: ImportColumns | None,
    checkpoint: Checkpoint,
    options: ImportOptions,
    progress: OpenProgress,
) -> None:
    state = checkpoint.state
    start = Position(offset=state.offset, lines=state.lines)
    records = read_records(source, header, start, one_line=columns.one_line if columns else ())
    lines = parse_import_lines(records, array=options.array, columns=columns)
    client = options.new_client()
    try:
        with progress(source.lines, state.lines) as display:
            run = ImportRun(
                checkpoint,
                client,
                policy=options.unanswered,
                on_progress=display.update,
                reading=_how_to_read(header, options),
            )
            run.run(stop_on_change(source, split_import(lines)))
    finally:
        client.close()


def _how_to_read(header: Header | None, options: ImportOptions) -> dict[str, Any]:
    """Return the members of the report beside a line of CSV that is in it as text."""
    if header is None:
        return {}
    return {COLUMNS: header.names, DELIMITER: header.dialect.delimiter, ARRAY: options.array}
