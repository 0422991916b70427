"""Migrations expand: code of the version before runs on while they do, and nobody waits for long."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.project.migration_rules import faults
from tests.project.tree import packaged

MIGRATIONS = [path for path in packaged("0*.sql") if path.parent.parent.name == "migrations"]
LANDED: Mapping[str, str] = {
    "0008_segments.sql": "indexes tables that no release has filled yet",
    "0010_row_security.sql": "row-level security does not hold for the tables' owner, as whom code before it works",
    "0009_pending_by_due.sql": "likewise, and the index that it drops is used by no query of a release",
}
"""Files that landed before there were these rules, with the reason why they may stay."""


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.name)
def test_a_migration_expands_or_says_since_when_the_code_does_without(path: Path) -> None:
    found = faults(path.read_text(encoding="utf-8"))

    assert bool(found) == (path.name in LANDED), found


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.name)
def test_what_is_built_concurrently_runs_in_no_transaction(path: Path) -> None:
    module = path.parent.parent / "versions" / f"{path.stem}.py"
    alone = re.search(r"^(CREATE|DROP|REINDEX)\b.* CONCURRENTLY\b", path.read_text(encoding="utf-8"), re.MULTILINE)

    assert ("run_sql_alone(" in module.read_text(encoding="utf-8")) == bool(alone)


def test_the_named_exceptions_are_migrations() -> None:
    assert {path.name for path in MIGRATIONS} > LANDED.keys()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE job;",
        "ALTER TABLE job DROP COLUMN reason;",
        "ALTER TABLE job\n    DROP CONSTRAINT reason_when_settled;",
        "ALTER TABLE job RENAME COLUMN reason TO why;",
        "ALTER TABLE job RENAME TO task;",
        "ALTER TABLE job ALTER COLUMN attempts TYPE bigint;",
        "ALTER TABLE job ALTER reason SET NOT NULL;",
        "ALTER TABLE job ALTER COLUMN state DROP DEFAULT;",
        "ALTER TABLE job ADD COLUMN colour text NOT NULL;",
        "ALTER TABLE job ADD COLUMN shape text, ADD COLUMN colour text NOT NULL;",
        "ALTER TABLE job ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;",
        "ALTER TABLE job ADD CONSTRAINT sane CHECK (attempts < 9);",
        "ALTER TABLE job ADD FOREIGN KEY (workspace_id) REFERENCES workspace;",
        "ALTER TABLE job ENABLE ROW LEVEL SECURITY;",
        "CREATE INDEX job_colour ON job (colour);",
        "CREATE UNIQUE INDEX job_colour ON job (colour);",
        "CREATE INDEX CONCURRENTLY job_colour ON job (colour);",
        "DROP INDEX job_due;",
        "UPDATE job SET colour = 'red';",
        "DELETE FROM job;",
        "TRUNCATE job;",
        "LOCK TABLE job;",
        "CREATE TRIGGER it BEFORE INSERT ON job FOR EACH ROW EXECUTE FUNCTION f();",
        "CREATE TABLE other (id integer);\nCREATE INDEX job_colour ON job (colour);",
    ],
)
def test_what_breaks_old_code_or_locks_for_long_is_refused(statement: str) -> None:
    assert faults(f"-- A migration.\n{statement}\n") != []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE other (id integer NOT NULL, name text NOT NULL);\nCREATE INDEX other_name ON other (name);",
        "ALTER TABLE job ADD COLUMN colour text;",
        "ALTER TABLE job ADD COLUMN colour text NOT NULL DEFAULT 'red';",
        "ALTER TABLE api_key ADD COLUMN a text,  -- NOT NULL comes later\n    ADD COLUMN b text NOT NULL DEFAULT '';",
        "ALTER TABLE job ADD CONSTRAINT sane CHECK (attempts < 9) NOT VALID;",
        "DROP INDEX CONCURRENTLY IF EXISTS job_colour;\nCREATE INDEX CONCURRENTLY job_colour ON job (colour);",
        "DROP INDEX CONCURRENTLY job_due;",
        "CREATE INDEX api_key_label ON api_key (workspace_id, label);",
        "-- Harmless: the table is new in this release.\nCREATE INDEX job_colour ON job (colour);",
        "SET LOCAL statement_timeout = '1h';",
    ],
)
def test_what_expands_is_let_through(statement: str) -> None:
    assert faults(f"-- A migration.\n{statement}\n") == []


def test_an_excuse_is_for_one_statement() -> None:
    text = "-- Harmless: it is new.\nCREATE INDEX a ON job (a);\nCREATE INDEX b ON job (b);\n"

    assert len(faults(text)) == 1


def test_a_contract_says_since_when_the_code_does_without() -> None:
    assert faults("-- Contract: since 0.3.0 no code reads this column.\nALTER TABLE job DROP COLUMN reason;\n") == []
    assert faults("-- Contract: nobody reads it.\nALTER TABLE job DROP COLUMN reason;\n") != []
