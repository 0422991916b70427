"""`mergelane profiles import`: sends the lines of a file and reports refused ones, resuming from the checkpoint."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from app.text_files.header import Header, read_header
from app.text_files.lines import Position
from app.text_files.records import read_records
from cli.bulk.columns.cells import POINT, CellRules
from cli.bulk.columns.dashboard import DASHBOARD_IDS
from cli.bulk.columns.import_columns import ImportColumns, read_import_columns
from cli.bulk.file_run import close_run_of, open_import_run
from cli.bulk.files import FileError, FileFormat
from cli.bulk.import_lines import ARRAY, COLUMNS, DECIMAL, DELIMITER, parse_import_lines, split_import
from cli.bulk.import_options import DASHBOARD, ImportOptions
from cli.bulk.import_run import ImportRun
from cli.bulk.merge_file import OpenProgress
from cli.bulk.outputs.checkpoint import Checkpoint, CheckpointState, open_checkpoint
from cli.bulk.outputs.output_file import spool_folder
from cli.bulk.profile_file import import_whole_profiles
from cli.bulk.reading.source import Source, lock_source, open_source, stop_on_change
from cli.bulk.recognition import PROFILES, has_profiles, header_has_profiles


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """The number of lines by result, those of earlier runs included, and whether they were whole profiles."""

    counts: Mapping[str, int]
    whole: bool


def import_file(options: ImportOptions, *, progress: OpenProgress, report: Callable[[str], object]) -> ImportResult:
    """Send the rest of the file and return the result of the import."""
    spool = spool_folder(options.report)
    _check_report(options)
    with open_source(options.file, options.form, spool=spool, encoding=options.encoding, archives=True) as source:
        header = _read_header(source, options)
        whole = _has_profiles(source, header, options)
        options.check(source.form, whole=whole)
        if whole:
            counts = import_whole_profiles(source, header, options, progress=progress, report=report)
            return ImportResult(counts=counts, whole=True)
        columns = _read_columns(source, header, options)
        if columns is not None and columns.ignored:
            report(f"These columns are not imported: {', '.join(columns.ignored)}.")
        fresh = CheckpointState(task=f"import as {options.array}", source=source.digest)
        with (
            open_checkpoint(options.report, fresh, again=options.again, source=source.file) as checkpoint,
            lock_source(source),
        ):
            if not checkpoint.state.finished:
                _run(source, header, columns, checkpoint, options, progress)
                close_run_of(checkpoint, options.new_client)
            return ImportResult(counts=checkpoint.state.counts, whole=False)


def _has_profiles(source: Source, header: Header | None, options: ImportOptions) -> bool:
    """Return whether *source* has whole profiles; raise FileError when that is unclear."""
    if options.kind is not None:
        return options.kind == PROFILES
    if header is None:
        return has_profiles(source.file, source.name)
    return DASHBOARD_IDS.isdisjoint(header.names) and header_has_profiles(header.names, options.custom, source.name)


def _check_report(options: ImportOptions) -> None:
    """Raise FileError when the report would be one of the files of the input."""
    if Path(options.file).resolve() in options.report.resolve().parents:
        raise FileError(f"{options.report} is in the folder that is imported. Name another report by --report.")


def _read_header(source: Source, options: ImportOptions) -> Header | None:
    """Return the header of a CSV file."""
    if source.form is not FileFormat.CSV:
        return None
    return read_header(source).rename(options.renames, source.name)


def _read_columns(source: Source, header: Header | None, options: ImportOptions) -> ImportColumns | None:
    """Return the columns of a CSV file; raise FileError when one has no meaning."""
    if header is None:
        return None
    return read_import_columns(
        header.names,
        array=options.array,
        file=source.name,
        custom=options.custom,
        dashboard=options.kind == DASHBOARD,
        rules=CellRules(detect_types=options.detect_types, decimal=options.decimal),
    )


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
    client = options.new_client(Event())
    try:
        with progress(source.lines, state.lines) as display:
            run = ImportRun(
                checkpoint,
                client,
                policy=options.unanswered,
                open_run=partial(open_import_run, checkpoint, options),
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
    decimal = {} if options.decimal == POINT else {DECIMAL: options.decimal}
    return {COLUMNS: header.names, DELIMITER: header.dialect.delimiter, ARRAY: options.array, **decimal}
