"""`mergelane identities`: the identity feed and the survivors of all ids, as files for a warehouse."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.errors import SetupError
from cli.bulk.files import FileError, FileFormat, detect_format, is_stdout
from cli.commands.options import again_option, interruptible, patience_option
from cli.commands.output import Progress, print_status
from cli.commands.remote import Remote, remote_options

if TYPE_CHECKING:
    from cli.bulk.identity_export import Listing

PARQUET = "parquet"
#: Suffix of the lines that become a Parquet file.
ROWS = ".rows"
NO_PYARROW = (
    "A Parquet file needs the package pyarrow. Install it by `pip install 'pyarrow>=24,<27'`, the extra `parquet` of"
    " Mergelane, or write a file that ends in .jsonl or .csv."
)

file_argument = click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
format_option = click.option(
    "--format",
    "form",
    type=click.Choice([*(each.value for each in FileFormat), PARQUET]),
    help="The format of the file, if its name does not end in .csv, .jsonl or .parquet.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What a command exports, from where to where."""

    listing: "Listing"
    file: Path
    since: str | None = None
    again: bool
    patience_s: float
    remote: Remote


@click.group()
def identities() -> None:
    """Export the identity feed, and the survivors of all ids.

    The feed has every merge, undo, identification, renamed or removed external_id and deletion, in the order of their
    effects. The API key needs the permission identities.read.
    """


@identities.command("export")
@file_argument
@click.option("--since", metavar="CURSOR", help="Only changes after this cursor, which an earlier export printed.")
@format_option
@again_option
@patience_option
@remote_options
def export_feed(
    *, file: Path, since: str | None, form: str | None, again: bool, patience: float, remote: Remote
) -> None:
    """Export the changes of the identity feed to FILE.

    Writes JSON Lines, CSV or Parquet, and prints the cursor for the next export. `-` writes JSON Lines to standard
    output, and the cursor to standard error. Run the same command again to resume after an interruption, and to add
    the changes that came later; a Parquet file is written once.
    """
    from cli.bulk.identity_export import CHANGES

    _run(Export(listing=CHANGES, file=file, since=since, again=again, patience_s=patience, remote=remote), form)


@identities.command("survivors")
@file_argument
@format_option
@again_option
@patience_option
@remote_options
def export_survivors(*, file: Path, form: str | None, again: bool, patience: float, remote: Remote) -> None:
    """Export every id that profiles have or had to FILE, with its current survivor.

    Writes JSON Lines, CSV or Parquet, and prints the cursor of the feed from which `identities export --since` has the
    changes since then. `-` writes JSON Lines to standard output, and the cursor to standard error. Run the same command
    again to resume after an interruption.
    """
    from cli.bulk.identity_export import IDS

    _run(Export(listing=IDS, file=file, again=again, patience_s=patience, remote=remote), form)


def _run(export: Export, form: str | None) -> None:
    file = export.file
    if form == PARQUET or (form is None and file.suffix.lower() == f".{PARQUET}"):
        cursor = _write_parquet(export)
    else:
        given = None if form is None else FileFormat(form)
        written = given or FileFormat.JSONL if is_stdout(file) else _format_of(file, given)
        cursor = _write_lines(export, written, called=file)
    if cursor is None:
        print_status("The feed has no changes yet, so there is no cursor.")
    else:
        click.echo(cursor, err=is_stdout(file))


def _write_parquet(export: Export) -> str | None:
    """Write lines beside the file first: such an export can be resumed, a Parquet file cannot."""
    try:
        from cli.bulk.outputs.parquet import write_parquet
    except ImportError:
        raise SetupError(NO_PYARROW) from None
    from cli.bulk.outputs.checkpoint import checkpoint_path

    file = export.file
    if is_stdout(file):
        raise FileError("Parquet cannot be written to standard output. Name a file.")
    if file.exists() and not export.again:
        raise FileError(f"{file} exists already. Name another file, or add --again to overwrite it.")
    rows = file.with_name(file.name + ROWS)
    cursor = _write_lines(replace(export, file=rows), FileFormat.JSONL, called=file)
    write_parquet(rows, file, columns=export.listing.columns)
    rows.unlink()
    checkpoint_path(rows).unlink()
    return cursor


def _write_lines(export: Export, form: FileFormat, *, called: Path) -> str | None:
    """Write the lines and return the cursor for the next export; messages name the file *called*."""
    from cli.bulk.identity_export import EXPORTED, export_listing
    from cli.bulk.outputs.checkpoint import CheckpointState, open_checkpoint

    name, file = export.listing.name, export.file
    with interruptible(file), export.remote.connect(patience_s=export.patience_s) as client:
        fresh = CheckpointState(task=name, source=" ".join((export.remote.url, form, export.since or "")))
        with open_checkpoint(file, fresh, again=export.again) as checkpoint, Progress(name, total=None) as progress:
            cursor = export_listing(
                client,
                checkpoint,
                form,
                listing=export.listing,
                since=export.since,
                on_progress=lambda counts: progress.update(counts[EXPORTED], counts),
            )
            exported = checkpoint.state.counts.get(EXPORTED, 0)
    print_status(f"Exported {exported:,} {name} to {called}.")
    return cursor


def _format_of(file: Path, given: FileFormat | None) -> FileFormat:
    try:
        return detect_format(str(file), given)
    except FileError:
        raise FileError(
            f"The format of {str(file)!r} is unknown. Use the extension .csv, .jsonl or .parquet, or add --format."
        ) from None
