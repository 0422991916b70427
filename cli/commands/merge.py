"""`mergelane merge`: the options of a merge file; `cli.bulk.merge_file` does the work."""

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from cli.bulk.files import GZIP, STDIN, FileFormat, detect_format, is_stdout
from cli.commands.options import (
    again_option,
    encoding_option,
    format_option,
    interruptible,
    max_failures_option,
    patience_option,
    rename_option,
)
from cli.commands.output import Progress, format_counts, print_end, print_status
from cli.commands.remote import Remote, remote_options

if TYPE_CHECKING:
    from cli.bulk.merge_file import MergeOptions

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
    help="The outcome file, .csv or .jsonl. Default: the name of FILE with .outcomes (--dry-run: .preview; --plan:"
    " .plan). `-` writes to standard output, in the format of FILE.",
)
@format_option
@encoding_option
@rename_option
@click.option("--dry-run", is_flag=True, help="Write the outcome that each pair would have now; merge nothing.")
@click.option(
    "--plan",
    is_flag=True,
    help="Keep the outcomes and changes that the pairs would have as a plan, for `mergelane apply`; merge nothing.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, MAX_CONCURRENCY),
    default=4,
    show_default=True,
    help="The number of batches to process at the same time.",
)
@max_failures_option
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
    run failed or was paused, 130 when it was interrupted. With --undo: 3 when some merges were not undone.
    """
    undo: Path | None = given.pop("undo")
    plan: bool = given.pop("plan")
    if plan and (undo is not None or given["dry_run"]):
        raise click.UsageError("--plan goes with neither --dry-run nor --undo.")
    if given["max_failures"] is not None and (plan or undo is not None or given["dry_run"]):
        raise click.UsageError("--max-failures goes with none of --plan, --dry-run and --undo.")
    if (file is None) == (undo is None):
        raise click.UsageError("Name a FILE to merge, or an outcome file by --undo.")
    if undo is not None:
        ctx.exit(_undo_file(undo, remote=remote, patience_s=patience))
    if file is None:
        return
    from cli.bulk.merge_file import MergeOptions, merge_file
    from cli.bulk.outputs.outcome_file import DEAD, INVALID

    kind = "plan" if plan else "preview" if given["dry_run"] else "outcomes"
    output = outcomes or _default_output(file, kind)
    options = MergeOptions(
        file=file,
        output=output,
        form=_find_format(file, form),
        new_client=lambda stop: remote.new_client(patience_s=patience, stop=stop),
        **given,
    )
    if plan:
        ctx.exit(_plan_file(options))
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


def _plan_file(options: "MergeOptions") -> int:
    """Plan the pairs of the file, print the summary, and return the exit status."""
    from cli.bulk.outputs.outcome_file import INVALID
    from cli.bulk.plan_file import plan_file
    from cli.commands.plans import print_summary

    planned = plan_file(options, progress=lambda total, done: Progress("lines", total=total, done=done))
    print_end(
        f"{sum(planned.counts.values()):,} pairs: {format_counts(planned.counts)}.", "The plan is in", options.output
    )
    if planned.plan is not None:
        print_summary(planned.plan, err=is_stdout(options.output))
    return SOME_INVALID if INVALID in planned.counts else 0


def _default_output(file: str, kind: str) -> Path:
    """Return the file next to *file* with the *kind* in its name; a plan has its own, so that the merge can follow."""
    if file == STDIN:
        raise click.UsageError("Name the outcome file by --outcomes when the pairs come from standard input.")
    path = Path(file.removesuffix(GZIP))
    return path.with_name(f"{path.stem}.{kind}{path.suffix}")


def _find_format(file: str, form: FileFormat | None) -> FileFormat:
    if file == STDIN and form is None:
        raise click.UsageError("Add --format csv or --format jsonl: standard input has no file extension.")
    return detect_format(file, form)
