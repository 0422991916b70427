"""No migration adds a column in a way that rewrites its table.

A query that waits for such a migration sees an empty table afterwards, because its snapshot is older than the copy of
the rows. Web would refuse valid keys then.
"""

from typing import Any

import pytest
from pglast import enums, parse_sql

from tests.project.citus_rules import VOLATILE
from tests.project.citus_syntax import ast, called
from tests.project.test_sql import MIGRATIONS

#: Migrations before this one ran before the rule.
FIRST = 47


def rewritten_tables(text: str) -> list[str]:
    """Return the tables to which the migration *text* adds a column whose default differs from row to row."""
    return [
        statement.stmt.relation.relname
        for statement in parse_sql(text)
        if isinstance(statement.stmt, ast.AlterTableStmt)
        for command in statement.stmt.cmds
        if command.subtype == enums.AlterTableType.AT_AddColumn and _has_volatile_default(command.def_)
    ]


def _has_volatile_default(column: Any) -> bool:
    constraints = column.constraints or ()
    identity = any(each.contype == enums.ConstrType.CONSTR_IDENTITY for each in constraints)
    return identity or bool(called(constraints) & VOLATILE)


def test_no_migration_adds_a_column_with_a_volatile_default() -> None:
    found = [
        (path.name, table)
        for path in MIGRATIONS
        if int(path.name[:4]) >= FIRST
        for table in rewritten_tables(path.read_text(encoding="utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ("ALTER TABLE job ADD COLUMN a text DEFAULT left(gen_random_uuid()::text, 10)", ["job"]),
        ("ALTER TABLE job ADD COLUMN a bigint GENERATED ALWAYS AS IDENTITY", ["job"]),
        ("ALTER TABLE job ADD COLUMN a text NOT NULL DEFAULT 'open'", []),
        ("ALTER TABLE job ADD COLUMN a timestamptz DEFAULT now()", []),
        ("ALTER TABLE job ALTER COLUMN a SET DEFAULT gen_random_uuid()", []),
    ],
)
def test_the_rule_finds_defaults_that_differ_from_row_to_row(statement: str, tables: list[str]) -> None:
    assert rewritten_tables(statement) == tables
