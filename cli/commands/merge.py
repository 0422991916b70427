"""`mergelane merge`: the options of a merge file; `cli.bulk.merge_file` does the work."""

from pathlib import Path
from threading import Event
from typing import Any

import click

from cli.bulk.files import GZIP, STDIN, FileFormat, detect_format
from cli.commands.options import (
    again_option,
    encoding_option,
    format_option,
    interruptible,
    patience_option,
    rename_option,
)
from cli.commands.output import Progress, format_counts, print_end, print_status
from cli.commands.remote import Remote, remote_options

#: Exit statuses beside 0 and those of every command (1: the run failed, 2: wrong usage).
SOME_DEAD, SOME_INVALID = 3, 4
MAX_CONCURRENCY = 32


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--undo",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Undo exactly the merges of this outcome file, from the last line to the first, instead of merging FILE.",
)
@click.option(
    "--outcomes",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="The outcome file, .csv or .jsonl. Default: the name of FILE with .outcomes (with --dry-run: .preview). `-`"
    " writes to standard output, in the format of FILE.",
)
@format_option
@encoding_option
@rename_option
@click.option("--dry-run", is_flag=True, help="Write the outcome that each pair would have now; merge nothing.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, MAX_CONCURRENCY),
    default=4,
    show_default=True,
    help="The number of batches to process at the same time.",
)
@again_option
@patience_option
@remote_options
@click.pass_context
def merge(
    ctx: click.Context,
    /,
    *,
    file: str | None,
    outcomes: Path | None,
    form: FileFormat | None,
    patience: float,
    remote: Remote,
    **given: Any,
) -> None:
    """Merge the pairs of FILE and write the outcome of each to an outcome file.

    FILE has one pair per line: in JSON Lines an object of `merge_updates`, in CSV columns such as merge_external_id and
    keep_email (see docs/cli.md). `-` reads standard input.

    After an interruption, run the same command again: it resumes and merges nothing twice. It keeps its checkpoint
    beside the outcome file, in a file that ends in .state.

    Pairs that share an identifier are merged in the order of the file. Other pairs may be merged in any order, even
    if an email in one and an external_id in another belong to the same person. With --concurrency 1, each batch of 50
    finishes before the next is sent. a→b and b→c end in c in any order.

    Exit status: 0 when every pair has an outcome, 3 when some jobs are dead, 4 when some lines are invalid, 1 when the
    run failed, 130 when it was interrupted. With --undo: 3 when some merges were not undone.
    """
    undo: Path | None = given.pop("undo")
    if (file is None) == (undo is None):
        raise click.UsageError("Name a FILE to merge, or an outcome file by --undo.")
    if undo is not None:
        ctx.exit(_undo_file(undo, remote=remote, patience_s=patience))
    if file is None:
        return
    from cli.bulk.merge_file import MergeOptions, merge_file
    from cli.bulk.outputs.outcome_file import DEAD, INVALID

    output = outcomes or _default_output(file, dry_run=given["dry_run"])
    options = MergeOptions(
        file=file,
        output=output,
        form=_find_format(file, form),
        new_client=lambda stop: remote.new_client(patience_s=patience, stop=stop),
        **given,
    )
    with interruptible(options.output):
        counts = merge_file(
            options, progress=lambda total, done: Progress("lines", total=total, done=done), report=print_status
        )
    print_end(f"{sum(counts.values()):,} pairs: {format_counts(counts)}.", "The outcomes are in", output)
    ctx.exit(SOME_DEAD if DEAD in counts else SOME_INVALID if INVALID in counts else 0)


def _undo_file(file: Path, *, remote: Remote, patience_s: float) -> int:
    """Undo the merges of an outcome file and return the exit status."""
    from contextlib import closing

    from cli.bulk.undo_file import LEFT, read_job_ids, undo_outcomes

    job_ids = read_job_ids(file)
    with (
        closing(remote.new_client(patience_s=patience_s, stop=Event())) as client,
        Progress("merges", total=len(job_ids)) as display,
    ):
        counts = undo_outcomes(client, job_ids, on_progress=display.update)
    click.echo(f"{len(job_ids):,} merges: {format_counts(counts)}.")
    return SOME_DEAD if LEFT & counts.keys() else 0


def _default_output(file: str, *, dry_run: bool) -> Path:
    """Return the outcome file next to *file*; a dry run has its own, so that the merge can follow."""
    if file == STDIN:
        raise click.UsageError("Name the outcome file by --outcomes when the pairs come from standard input.")
    path = Path(file.removesuffix(GZIP))
    return path.with_name(f"{path.stem}.{'preview' if dry_run else 'outcomes'}{path.suffix}")


def _find_format(file: str, form: FileFormat | None) -> FileFormat:
    if file == STDIN and form is None:
        raise click.UsageError("Add --format csv or --format jsonl: standard input has no file extension.")
    return detect_format(file, form)
