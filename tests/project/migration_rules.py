"""What a migration may do while code of the version before still runs, told from its text.

A file expands the schema, unless its first line says that it contracts it: what no running code needs any more is
taken away, and the line says since when the code does without.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: The first line of a file that takes something away.
CONTRACT = re.compile(r"\A-- Contract: since (?:\d+\.\d+\.\d+|revision \d{4}) .+")
#: A line above a statement that says why it does no harm although it looks as if it did.
HARMLESS = re.compile(r"^-- Harmless: .+", re.MULTILINE)
#: Tables of a few rows, which are locked for a moment whatever is done to them.
SMALL = frozenset({"workspace", "api_key", "alembic_version"})

NAME = r"(?:IF (?:NOT )?EXISTS |ONLY )*(?P<table>\w+)"
#: What breaks code that does not know of it, whatever the table.
BREAKS: Mapping[str, str] = {
    r"^DROP (?:TABLE|TYPE|VIEW|FUNCTION|SCHEMA|SEQUENCE)\b": "drops what old code may use",
    r"^ALTER TABLE .*\bDROP (?:COLUMN|CONSTRAINT)\b": "drops what old code may use",
    r"^ALTER .*\bRENAME\b": "renames what old code calls by its name",
    r"^ALTER TABLE .*\bALTER (?:COLUMN )?\w+ (?:SET DATA )?TYPE\b": "changes a type, and writes the table anew",
    r"^ALTER TABLE .*\bALTER (?:COLUMN )?\w+ (?:SET NOT NULL|DROP DEFAULT)\b": "refuses rows that old code writes",
    r"^TRUNCATE\b": "empties a table",
    r"^(?:LOCK|CLUSTER|VACUUM FULL|REINDEX (?!INDEX CONCURRENTLY))\b": "locks a table for long",
    r"\bROW LEVEL SECURITY\b": "hides rows from old code",
    r"^CREATE (?:CONSTRAINT )?TRIGGER\b": "changes what old code writes",
}
#: What keeps others waiting for as long as it reads or writes a whole table that is there already.
LOCKS: Mapping[str, str] = {
    rf"^CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).*? ON {NAME}": "builds an index while nobody may write",
    rf"^ALTER TABLE {NAME} .*\bADD (?:CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN)\b(?!.*\bNOT VALID$)": "checks all rows",
    rf"^ALTER TABLE {NAME} .*\bADD (?:COLUMN )?\w+ [^,]*\b(?:GENERATED|gen_random_uuid|clock_timestamp)\b": (
        "writes the table anew"
    ),
    rf"^UPDATE {NAME}": "writes all rows in one transaction",
    rf"^DELETE FROM {NAME}": "writes all rows in one transaction",
}
#: What a function does when it is called, which is not what the migration does.
BODY = re.compile(r"^BEGIN ATOMIC$.*?^END;$", re.MULTILINE | re.DOTALL)
ADDED = re.compile(r"\bADD (?:COLUMN )?(?:IF NOT EXISTS )?(?!CONSTRAINT\b|CHECK\b)(\w+) ([^,]*)", re.IGNORECASE)
CREATED = re.compile(r"^CREATE TABLE (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)
CONCURRENT = re.compile(r"^CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)
DROPPED_INDEX = re.compile(r"^DROP INDEX (CONCURRENTLY )?(?:IF EXISTS )?(\w+)", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """A statement on one line, without comments and the insides of parentheses that hold commas; and its excuse."""

    text: str
    excused: bool


def faults(text: str) -> list[str]:
    """Return what is wrong with the migration *text*: a sentence for each fault."""
    if CONTRACT.match(text):
        return []
    told = statements(text)
    created = {found[1] for statement in told if (found := CREATED.match(statement.text))}
    return [
        f"{statement.text[:70]}: it {fault}."
        for statement in told
        if not statement.excused
        for fault in _of(statement.text, spared=created | SMALL, file=told)
    ]


def statements(text: str) -> list[Statement]:
    """Return the statements of *text*."""
    text = BODY.sub("a body;", text)
    parts = re.split(r";[ \t]*(?:--[^\n]*)?$", text, flags=re.MULTILINE)
    bare = [(" ".join(re.sub(r"--[^\n]*", "", part).split()), bool(HARMLESS.search(part))) for part in parts]
    return [Statement(statement, excused) for statement, excused in bare if statement]


def _of(statement: str, *, spared: frozenset[str] | set[str], file: list[Statement]) -> Iterator[str]:
    """Yield what is wrong with *statement*; the tables that are *spared* may be locked."""
    for pattern, fault in BREAKS.items():
        if re.search(pattern, statement, re.IGNORECASE):
            yield fault
    for pattern, fault in LOCKS.items():
        found = re.search(pattern, statement, re.IGNORECASE)
        if found and found["table"] not in spared:
            yield fault
    if statement.upper().startswith("ALTER TABLE"):
        for column, rest in ADDED.findall(statement):
            if "NOT NULL" in rest.upper() and not re.search(r"\b(DEFAULT|GENERATED)\b", rest, re.IGNORECASE):
                yield f"adds the column {column}, which old code leaves empty, as NOT NULL without a default"
    yield from _of_index(statement, file)


def _of_index(statement: str, file: list[Statement]) -> Iterator[str]:
    """Yield what is wrong with a statement that makes or drops an index."""
    if (found := DROPPED_INDEX.match(statement)) and not found[1]:
        yield "waits for everybody who uses the table, and everybody else behind it: drop the index CONCURRENTLY"
    if found := CONCURRENT.match(statement):
        former = [DROPPED_INDEX.match(each.text) for each in file]
        if not any(each and each[2] == found[1] for each in former):
            yield "leaves an invalid index when it fails: drop it CONCURRENTLY IF EXISTS before"
