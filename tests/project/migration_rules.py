"""Checks by its text that a migration is safe while code of the version before it runs.

A file expands the schema. A file that contracts it, by removing what no running code needs, says so in its first line,
with the version since which the code does not need it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: The first line of a file that contracts the schema.
CONTRACT = re.compile(r"\A-- Contract: since (?:\d+\.\d+\.\d+|revision \d{4}) .+")
#: A line above a statement that looks dangerous and is not, with the reason.
HARMLESS = re.compile(r"^-- Harmless: .+", re.MULTILINE)
#: Tables with a few rows, which every statement locks for a moment only.
SMALL = frozenset({"workspace", "api_key", "alembic_version"})

NAME = r"(?:IF (?:NOT )?EXISTS |ONLY )*(?P<table>\w+)"
#: Statements that break old code, on any table.
BREAKS: Mapping[str, str] = {
    r"^DROP (?:TABLE|TYPE|VIEW|FUNCTION|SCHEMA|SEQUENCE)\b": "drops what old code may use",
    r"^ALTER TABLE .*\bDROP (?:COLUMN|CONSTRAINT)\b": "drops what old code may use",
    r"^ALTER .*\bRENAME\b": "renames what old code uses by its name",
    r"^ALTER TABLE .*\bALTER (?:COLUMN )?\w+ (?:SET DATA )?TYPE\b": "changes a type and rewrites the table",
    r"^ALTER TABLE .*\bALTER (?:COLUMN )?\w+ (?:SET NOT NULL|DROP DEFAULT)\b": "refuses rows that old code writes",
    r"^ALTER TABLE .*\bADD (?:COLUMN )?\w+ [^,]*\b(?:GENERATED|gen_random_uuid|random|nextval|clock_timestamp)\b": (
        "rewrites the table, which has no rows for a query that waited for it"
    ),
    r"^TRUNCATE\b": "empties a table",
    r"^(?:LOCK|CLUSTER|VACUUM FULL|REINDEX (?!INDEX CONCURRENTLY))\b": "locks a table for a long time",
    r"^CREATE (?:CONSTRAINT )?TRIGGER\b": "changes what old code writes",
}
#: Statements that block other sessions while they read or write a whole existing table, or hide its rows.
LOCKS: Mapping[str, str] = {
    rf"^ALTER TABLE {NAME} .*\bROW LEVEL SECURITY\b": "hides rows from old code",
    rf"^CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).*? ON {NAME}": "builds an index and blocks all writes meanwhile",
    rf"^ALTER TABLE {NAME} .*\bADD (?:CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN)\b(?!.*\bNOT VALID$)": "checks all rows",
    rf"^UPDATE {NAME}": "writes all rows in one transaction",
    rf"^DELETE FROM {NAME}": "writes all rows in one transaction",
}
#: The body of a function, which the migration does not run.
BODY = re.compile(r"^BEGIN ATOMIC$.*?^END;$", re.MULTILINE | re.DOTALL)
ADDED = re.compile(r"\bADD (?:COLUMN )?(?:IF NOT EXISTS )?(?!CONSTRAINT\b|CHECK\b)(\w+) ([^,]*)", re.IGNORECASE)
CREATED = re.compile(r"^CREATE TABLE (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)
CONCURRENT = re.compile(r"^CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)
DROPPED_INDEX = re.compile(r"^DROP INDEX (CONCURRENTLY )?(?:IF EXISTS )?(\w+)", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """A statement on one line without its comments, and whether a line above it says that it is harmless."""

    text: str
    excused: bool


def faults(text: str) -> list[str]:
    """Return a sentence for each fault of the migration *text*."""
    if CONTRACT.match(text):
        return []
    found = statements(text)
    created = {match[1] for statement in found if (match := CREATED.match(statement.text))}
    return [
        f"{statement.text[:70]}: it {fault}."
        for statement in found
        if not statement.excused
        for fault in _of(statement.text, spared=created | SMALL, file=found)
    ]


def statements(text: str) -> list[Statement]:
    text = BODY.sub("a body;", text)
    parts = re.split(r";[ \t]*(?:--[^\n]*)?$", text, flags=re.MULTILINE)
    bare = [(" ".join(re.sub(r"--[^\n]*", "", part).split()), bool(HARMLESS.search(part))) for part in parts]
    return [Statement(statement, excused) for statement, excused in bare if statement]


def _of(statement: str, *, spared: frozenset[str] | set[str], file: list[Statement]) -> Iterator[str]:
    """Yield the faults of *statement*. It may lock the tables in *spared*."""
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
                yield f"adds the column {column}, which old code does not set, as NOT NULL without a default"
    yield from _of_index(statement, file)


def _of_index(statement: str, file: list[Statement]) -> Iterator[str]:
    if (found := DROPPED_INDEX.match(statement)) and not found[1]:
        yield "waits for all sessions that use the table, and blocks later ones: drop the index CONCURRENTLY"
    if found := CONCURRENT.match(statement):
        former = [DROPPED_INDEX.match(each.text) for each in file]
        if not any(each and each[2] == found[1] for each in former):
            yield "leaves an invalid index if it fails: drop it CONCURRENTLY IF EXISTS before"
