"""Finds changes of the schema that Citus refuses on a distributed database."""

from collections.abc import Iterator
from typing import Any

from pglast import enums, parse_sql

from tests.project.citus_syntax import REFERENCE_TABLES, ast, walk

#: Every rule, with what works instead.
RULES = {
    "constraint-with-column": "ALTER TABLE adds a column and a constraint at once; use two statements",
    "statistics": "Citus refuses SET STATISTICS and n_distinct; set them when the tables are distributed",
    "disabled-trigger": "Citus refuses to disable or enable a trigger",
    "key-without-workspace": "a unique key of a distributed table needs workspace_id",
}
Types: Any = enums.AlterTableType
TRIGGERS = {
    Types.AT_DisableTrig, Types.AT_DisableTrigAll, Types.AT_DisableTrigUser,
    Types.AT_EnableTrig, Types.AT_EnableTrigAll, Types.AT_EnableTrigUser, Types.AT_EnableAlwaysTrig,
}  # fmt: skip
UNIQUE = {enums.ConstrType.CONSTR_PRIMARY, enums.ConstrType.CONSTR_UNIQUE}


def find_refused_changes(text: str) -> set[str]:
    """Return the names of the rules that the statements of the migration *text* break."""
    return {rule for statement in parse_sql(text) for rule in _of(statement.stmt)}


def _of(statement: Any) -> Iterator[str]:
    match statement:
        case ast.AlterTableStmt() if statement.relation.relname not in REFERENCE_TABLES:
            yield from _of_alter(statement)
        case ast.CreateStmt() if any(column.colname == "workspace_id" for column in _columns(statement)):
            yield from _of_create(statement)
        case ast.IndexStmt() if statement.unique and statement.relation.relname not in REFERENCE_TABLES:
            if "workspace_id" not in {item.name for item in statement.indexParams}:
                yield "key-without-workspace"


def _of_alter(statement: Any) -> Iterator[str]:
    kinds = {command.subtype for command in statement.cmds}
    if Types.AT_AddConstraint in kinds and len(statement.cmds) > 1:
        yield "constraint-with-column"
    if kinds & {Types.AT_SetStatistics, Types.AT_SetOptions}:
        yield "statistics"
    if kinds & TRIGGERS:
        yield "disabled-trigger"


def _columns(create: Any) -> list[Any]:
    return [element for element in create.tableElts or () if isinstance(element, ast.ColumnDef)]


def _of_create(create: Any) -> Iterator[str]:
    of_columns = {
        column.colname
        for column in _columns(create)
        for constraint in column.constraints or ()
        if constraint.contype in UNIQUE
    }
    of_table = [
        {key.sval for key in constraint.keys or ()}
        for constraint in walk(create.tableElts)
        if isinstance(constraint, ast.Constraint) and constraint.contype in UNIQUE and constraint.keys
    ]
    if of_columns - {"workspace_id"} or any("workspace_id" not in keys for keys in of_table):
        yield "key-without-workspace"
