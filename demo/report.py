"""The tables that the demo prints. They are also readable without a terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

import orjson
from rich.console import Console
from rich.table import Table

from demo.duplicates import Pair
from demo.examples import Example
from demo.merging import FinishedBatches, outcome_or_state
from demo.people import Json
from demo.sums import CENTS, Sums

#: Columns of the output when it is no terminal, and maximum characters of a value in a table.
WIDTH, VALUE_WIDTH = 120, 30
ABSENT = "-"


def make_console() -> Console:
    """Return the console to print on: with colours in a terminal, plain and WIDTH columns elsewhere."""
    # No markup: rich would read the brackets of prioritizations as styles and drop them.
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=WIDTH)


def print_heading(console: Console, text: str) -> None:
    console.print(f"\n{text}", style="bold")


def examples_table(answered: Sequence[tuple[Example, Sequence[Json]]]) -> Table:
    """Return a table of the vendor's examples with the outcome of each update."""
    table = _table("example", "update", "outcome", "reason")
    for example, jobs in answered:
        for job in jobs:
            outcome = outcome_or_state(job)
            title = example.title if job["index"] == 0 else ""
            table.add_row(title, str(job["index"]), outcome, "" if outcome == "merged" else job["reason"])
    return table


def batches_table(finished: FinishedBatches) -> Table:
    """Return a table of all outcomes: a row for each batch, equal neighbours as a range."""
    table = _table("batch", "outcome by index in the batch")
    for number, jobs in enumerate(finished.batches, start=1):
        table.add_row(str(number), ", ".join(outcome_ranges(jobs)))
    return table


def outcome_ranges(jobs: Sequence[Json]) -> Iterator[str]:
    """Yield the outcomes of *jobs* in order, as `0-41 merged`, `42 protected` and so on."""
    for outcome, group in groupby(enumerate(map(outcome_or_state, jobs)), key=lambda numbered: numbered[1]):
        indexes = [index for index, _ in group]
        yield f"{indexes[0]} {outcome}" if len(indexes) == 1 else f"{indexes[0]}-{indexes[-1]} {outcome}"


def kinds_table(pairs: Sequence[Pair], jobs: Sequence[Json]) -> Table:
    """Return a table of the outcomes by kind of duplicate, with the expected outcomes."""
    table = _table("kind of duplicate", "outcome", "expected", "pairs")
    table.columns[-1].justify = "right"
    counts = Counter(
        (pair.kind.value, outcome_or_state(job), pair.expected) for pair, job in zip(pairs, jobs, strict=True)
    )
    for (kind, outcome, expected), count in sorted(counts.items()):
        table.add_row(kind, outcome, expected, f"{count:,}")
    table.add_section()
    table.add_row("all", "", "", f"{len(jobs):,}")
    return table


def changes_table(job: Json) -> Table:
    """Return a table of the survivor's changed fields in the merge *job*."""
    table = _table("field", "before", "after", "rule")
    for change in job["changes"]:
        table.add_row(change["field"], format_value(change["before"]), format_value(change["after"]), change["rule"])
    return table


def format_value(value: object) -> str:
    """Return *value* as text of at most VALUE_WIDTH characters."""
    if value is None:
        return ABSENT
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= VALUE_WIDTH else text[: VALUE_WIDTH - 1] + "…"


def sums_table(*, sent: Sums, before: Sums, after: Sums, profiles: tuple[int, int, int]) -> Table:
    """Return a table of the totals, which must be equal before and after, and of the number of *profiles*."""
    table = _table("over all profiles", "sent", "exported before", "exported after")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("profiles", *(f"{count:,}" for count in profiles))
    for name in ("events", "purchases", "sessions"):
        table.add_row(name, *(f"{getattr(sums, name):,}" for sums in (sent, before, after)))
    table.add_row("revenue", *(f"${sums.revenue_cents / CENTS:,.2f}" for sums in (sent, before, after)))
    return table


def _table(*headings: str) -> Table:
    """Return an empty table that wraps long values instead of truncating them."""
    table = Table()
    for name in headings:
        table.add_column(name, overflow="fold")
    return table
