"""The use case of `POST /profiles/import`: lines become profiles, in transactions of up to 1,000 lines."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID

from app.audit.log import Actor
from app.db.connections import Pool
from app.db.transaction import Transaction, Wrapper, retry_until_stable, unchanged
from app.errors import Rejected
from app.imports.importing import MAX_LINES, ImportOutcome, import_profiles
from app.ledger.runs import add_results, require_open_import
from app.metrics.http import IMPORTED_PROFILES
from app.users.consent import ConsentRules
from schemas.profile_imports import ImportedProfile, ImportResult, LineRefused, OnConflict, parse_profile

#: A line without its end; None stands for one that is too long.
Line = bytes | None
#: A parsed line; None for a blank one.
Parsed = ImportedProfile | LineRefused | None

#: Bytes of one line.
LONGEST_LINE = 1024 * 1024
#: Lines of one transaction, and bytes of its lines without the last one.
CHUNK = 1_000
CHUNK_BYTES = 8 * 1024 * 1024
#: Lines and bytes of a request that is one transaction.
MOST_AT_ONCE = MAX_LINES
MOST_BYTES_AT_ONCE = 16 * 1024 * 1024

TOO_MANY = (
    f"A request with an Idempotency-Key takes at most {MOST_AT_ONCE:,} lines and {MOST_BYTES_AT_ONCE // 2**20} MB after"
    " decompression; send fewer lines, or no Idempotency-Key."
)
TOO_LONG = f"The line has more than {LONGEST_LINE:,} bytes."
NOT_UTF_8 = "The line is not UTF-8."
BLANK = ImportOutcome(result=ImportResult.SKIPPED, braze_id=None, reasons=("The line is empty.",))


class TooManyLines(Rejected):
    """The request has more lines than one transaction takes."""

    status = 413


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What an import does with profiles that exist, whether it changes anything at all, and who asks for it."""

    on_conflict: OnConflict
    dry_run: bool
    rules: ConsentRules
    actor: Actor
    #: The import whose lines are counted; None for none.
    run_id: UUID | None = None


class _DryRunEnds(Exception):
    """Ends the transaction of a dry run with its *outcomes*."""

    def __init__(self, outcomes: list[ImportOutcome]) -> None:
        super().__init__()
        self.outcomes = outcomes


def in_chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield *lines* in lists for one transaction each."""
    chunk: list[Line] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line or b"")
        if len(chunk) == CHUNK or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def lines_at_once(lines: Iterable[Line]) -> list[Line]:
    """Return *lines*, if one transaction may take them all; raise TooManyLines if not."""
    taken: list[Line] = []
    size = 0
    for line in lines:
        taken.append(line)
        size += len(line or b"")
        if len(taken) > MOST_AT_ONCE or size > MOST_BYTES_AT_ONCE:
            raise TooManyLines(TOO_MANY)
    return taken


def import_lines(
    pool: Pool, *, workspace_id: int, lines: Sequence[Line], options: ImportOptions, wrap: Wrapper = unchanged
) -> list[ImportOutcome]:
    """Import *lines* in one transaction, with what *wrap* adds to it; return the outcome of each.

    A dry run rolls back, and returns the same outcomes. Raises DatabaseUnavailable and ResolutionUnsettled; nothing was
    imported then, unless the connection was lost during COMMIT.
    """
    parsed = [parse_line(line) for line in lines]
    try:
        outcomes = retry_until_stable(pool, workspace_id, wrap(_import_parsed), parsed, options)
    except _DryRunEnds as end:
        return end.outcomes
    count_outcomes(outcomes)
    return outcomes


def parse_line(line: Line) -> Parsed:
    """Return the profile of *line*, or why it is refused; None for a blank line."""
    if line is None:
        return LineRefused(reasons=(TOO_LONG,))
    if not line.strip():
        return None
    try:
        return parse_profile(line.decode())
    except UnicodeDecodeError:
        return LineRefused(reasons=(NOT_UTF_8,))


def _import_parsed(tx: Transaction, parsed: Sequence[Parsed], options: ImportOptions) -> list[ImportOutcome]:
    given = [each for each in parsed if each is not None]
    imported = import_profiles(
        tx, given, on_conflict=options.on_conflict, now=tx.now(), rules=options.rules, asker=options.actor
    )
    found = iter(imported)
    outcomes = [BLANK if each is None else next(found) for each in parsed]
    if options.run_id is not None and options.dry_run:
        require_open_import(tx, run_id=options.run_id)
    if options.dry_run:
        _end_dry_run(outcomes)
    if options.run_id is not None:
        results = Counter(each.result.value for each in outcomes)
        add_results(tx, run_id=options.run_id, results=results)
    return outcomes


def _end_dry_run(outcomes: list[ImportOutcome]) -> NoReturn:
    raise _DryRunEnds(outcomes)


def count_outcomes(outcomes: Iterable[ImportOutcome]) -> None:
    for result, number in Counter(each.result for each in outcomes).items():
        IMPORTED_PROFILES.inc(number, result)
