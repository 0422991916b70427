"""Migrations after the schema only expand: old code keeps working, and no session waits for long."""

import re

import pytest

from tests.project.migration_rules import faults
from tests.project.tree import packaged

#: The files of the first revision create the schema and are not checked: no code runs on an empty database.
MIGRATIONS = [path for path in packaged("[0-9]*.sql") if path.parent.parent.name == "migrations"]


def test_each_migration_expands_or_names_the_version_that_no_longer_needs_it() -> None:
    found = {path.name: faults(path.read_text(encoding="utf-8")) for path in MIGRATIONS}

    assert {name: sentences for name, sentences in found.items() if sentences} == {}


def test_concurrent_builds_run_in_no_transaction() -> None:
    for path in MIGRATIONS:
        module = (path.parent.parent / "versions" / f"{path.stem}.py").read_text(encoding="utf-8")
        text = path.read_text(encoding="utf-8")
        alone = re.search(r"^(CREATE|DROP|REINDEX)\b.* CONCURRENTLY\b", text, re.MULTILINE)
        assert ("run_sql_alone(" in module) == bool(alone), path.name


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE job;",
        "ALTER TABLE job DROP COLUMN reason;",
        "ALTER TABLE job\n    DROP CONSTRAINT reason_when_ended;",
        "ALTER TABLE job RENAME COLUMN reason TO why;",
        "ALTER TABLE job RENAME TO task;",
        "ALTER TABLE job ALTER COLUMN attempts TYPE bigint;",
        "ALTER TABLE job ALTER reason SET NOT NULL;",
        "ALTER TABLE job ALTER COLUMN state DROP DEFAULT;",
        "ALTER TABLE job ADD COLUMN colour text NOT NULL;",
        "ALTER TABLE job ADD COLUMN shape text, ADD COLUMN colour text NOT NULL;",
        "ALTER TABLE job ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;",
        "ALTER TABLE workspace ADD COLUMN label text NOT NULL DEFAULT left(gen_random_uuid()::text, 10);",
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
def test_a_statement_that_breaks_old_code_or_locks_for_long_is_refused(statement: str) -> None:
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
def test_a_statement_that_expands_passes(statement: str) -> None:
    assert faults(f"-- A migration.\n{statement}\n") == []


def test_a_harmless_line_excuses_one_statement() -> None:
    text = "-- Harmless: it is new.\nCREATE INDEX a ON job (a);\nCREATE INDEX b ON job (b);\n"

    assert len(faults(text)) == 1


def test_a_contract_names_the_version_that_no_longer_needs_it() -> None:
    assert faults("-- Contract: since 0.3.0 no code reads this column.\nALTER TABLE job DROP COLUMN reason;\n") == []
    assert faults("-- Contract: no code reads it.\nALTER TABLE job DROP COLUMN reason;\n") != []
