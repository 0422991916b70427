"""Finds constructs in a SQL statement that Citus refuses, gets wrong, or runs on every server instead of one.

Citus distributes tables over servers, here by workspace_id; every server has the reference tables whole. Each rule is a
construct that Citus 14 or 15 refused when Mergelane was tried on it.
"""

import re
from collections.abc import Iterator
from typing import Any

from tests.project.citus_syntax import (
    REFERENCE_TABLES,
    ast,
    called,
    ctes_of,
    direct,
    lacks_workspace,
    parse,
    relations,
    tables_in,
    walk,
)

#: Every rule, with the construct that works instead.
RULES = {
    "volatile-in-update": "UPDATE calls a volatile function; use statement_timestamp() for clock_timestamp()",
    "stable-in-case": "CASE or COALESCE of an UPDATE calls a stable function, or reads a table, whose policy calls one;"
    " take the time from a subquery in FROM, and write OR for CASE",
    "merged-subquery": "a subquery in FROM of an UPDATE calls a stable function and PostgreSQL merges it; add OFFSET 0",
    "stable-with-column": "a write adds an interval to a time and reads a column for it; compute it in a subquery",
    "stable-in-do-update": "DO UPDATE calls a function that is not immutable; use excluded.<column>",
    "simple-case-in-write": "Citus loses the value of CASE x WHEN; write CASE WHEN x = ...",
    "row-in-write": "Citus loses the row of (a, b) IN (SELECT ...) in a write; join a subquery",
    "subscript-in-update": "Citus ends its session at SET a = (array)[n]; write coalesce((array)[n], a)",
    "insert-without-table": "INSERT ... SELECT takes no workspace_id from a distributed table; read workspace_home",
    "identity-without-returning": "ids come from a sequence; without RETURNING id, Citus uses COPY",
    "insert-in-with": "WITH has an INSERT, or a write that an INSERT ... SELECT reads; use two statements",
    "volatile-default": "the column's default is volatile; give it a value",
    "returning-without-alias": "INSERT ... RETURNING needs an alias of the table, since Citus qualifies the columns",
    "no-workspace": "a relation has no workspace_id = %(workspace_id)s at its own query level",
    "view-of-joins": "the workspace does not reach the subqueries of this view; write them out",
    "union-without-table": "an arm of a UNION reads no table",
    "reference-and-distributed": "one statement writes a reference table and a distributed table; use two statements",
    "set-config": "set_config() does not reach the other servers; use SET LOCAL",
    "server-of-session": "an advisory lock or a snapshot is one of the session's server; read workspace_home, and in a"
    " write call snapshot_of(workspace_id)",
    "copy": "COPY into a table with row-level security is refused",
}
VOLATILE = frozenset(
    {"clock_timestamp", "timeofday", "random", "gen_random_uuid", "nextval", "setval", "pg_current_xact_id"}
)
STABLE = frozenset({"now", "statement_timestamp", "transaction_timestamp", "pg_current_snapshot", "current_setting"})
#: Functions with a result that depends on the server.
OF_SERVER = re.compile(r"pg_(try_)?advisory_|pg_current_(snapshot|xact_id)")
#: Functions of a time that are stable, since they depend on the time zone.
OF_ZONE = frozenset({"date_trunc", "date_part", "to_char", "age"})
#: Tables whose ids come from a sequence.
IDENTITY_TABLES = frozenset({"profile", "custom_event", "purchase", "session", "engagement"})
VOLATILE_DEFAULTS = {"audit_entry": "at"}
JOINED_VIEWS = frozenset({"held_lane"})
WRITES: Any = ast.InsertStmt | ast.UpdateStmt | ast.DeleteStmt


def find_refused(text: str) -> set[str]:
    """Return the names of the rules that the statement *text*, with psycopg's placeholders, breaks."""
    statement, parameters = parse(text)
    nodes = list(walk(statement))
    tables = {cte.ctename for cte in nodes if isinstance(cte, ast.CommonTableExpr)}
    writes = [node for node in nodes if isinstance(node, WRITES)]
    broken = set(of_functions(nodes, tables, writes))
    broken |= {rule for node in nodes for rule in of_node(node, tables)}
    if any(lacks_workspace(node, tables, parameters) for node in nodes):
        broken.add("no-workspace")
    written = {node.relation.relname for node in writes}
    if written & REFERENCE_TABLES and written - REFERENCE_TABLES:
        broken.add("reference-and-distributed")
    return broken


def of_functions(nodes: list[Any], cte_names: set[str], writes: list[Any]) -> Iterator[str]:
    """Yield the rules that a call or an expression breaks in the whole statement."""
    names = called(nodes)
    distributed = tables_in(nodes) - cte_names - REFERENCE_TABLES
    if "set_config" in names:
        yield "set-config"
    if any(map(OF_SERVER.match, names)) and (writes or not distributed):
        yield "server-of-session"
    if distributed & JOINED_VIEWS:
        yield "view-of-joins"
    if any(isinstance(node, ast.CopyStmt) for node in nodes):
        yield "copy"
    if writes and any(isinstance(node, ast.CaseExpr) and node.arg is not None for node in nodes):
        yield "simple-case-in-write"


def of_node(node: Any, cte_names: set[str]) -> Iterator[str]:
    """Yield the rules that the node *node* breaks by itself."""
    match node:
        case ast.UpdateStmt():
            yield from of_update(node, cte_names)
            yield from of_condition(node)
        case ast.DeleteStmt():
            yield from of_condition(node)
        case ast.InsertStmt():
            yield from of_insert(node, cte_names)
        case ast.CommonTableExpr() if isinstance(node.ctequery, ast.InsertStmt):
            yield "insert-in-with"
        case ast.SelectStmt() if node.larg is not None:
            arms = (node.larg, node.rarg)
            if any(arm.larg is None and not arm.fromClause and not arm.valuesLists for arm in arms):
                yield "union-without-table"


def of_update(update: Any, cte_names: set[str]) -> Iterator[str]:
    """Yield the rules that *update* breaks by its functions and values."""
    if called(update) & VOLATILE:
        yield "volatile-in-update"
    choices = [node for node in walk(update) if isinstance(node, ast.CaseExpr | ast.CoalesceExpr)]
    if called(choices) & (STABLE | VOLATILE) or tables_in(choices) - cte_names:
        yield "stable-in-case"
    subqueries = [node.subquery for node in walk(update.fromClause) if isinstance(node, ast.RangeSubselect)]
    if any(called(query) & STABLE and is_merged(query) for query in subqueries):
        yield "merged-subquery"
    if any(isinstance(target.val, ast.A_Indirection) for target in update.targetList):
        yield "subscript-in-update"


def is_merged(query: Any) -> bool:
    """Return whether PostgreSQL merges the subquery *query* into the statement around it."""
    kept = (query.limitOffset, query.limitCount, query.lockingClause, query.groupClause, query.distinctClause)
    return not any(kept) and not any(isinstance(node, ast.FuncCall) and node.over for node in walk(query.targetList))


def of_condition(write: Any) -> Iterator[str]:
    """Yield the rules that an expression of an UPDATE or a DELETE breaks, except those of its subqueries."""
    values = write.targetList if isinstance(write, ast.UpdateStmt) else None
    for node in direct((values, write.whereClause)):
        if isinstance(node, ast.SubLink) and isinstance(node.testexpr, ast.RowExpr):
            yield "row-in-write"
        if has_column(node) and (adds_interval(node) or (isinstance(node, ast.FuncCall) and called(node) & OF_ZONE)):
            yield "stable-with-column"


def has_column(node: Any) -> bool:
    """Return whether the expression *node* reads a column."""
    return any(isinstance(each, ast.ColumnRef) for each in walk(node))


def adds_interval(node: Any) -> bool:
    """Return whether *node* adds or subtracts an interval."""
    return (
        isinstance(node, ast.A_Expr)
        and node.name[-1].sval in {"+", "-"}
        and any(
            (isinstance(each, ast.TypeCast) and each.typeName.names[-1].sval == "interval")
            or (isinstance(each, ast.FuncCall) and each.funcname[-1].sval == "make_interval")
            for each in walk(node)
        )
    )


def of_insert(insert: Any, cte_names: set[str]) -> Iterator[str]:
    """Yield the rules that *insert* breaks."""
    conflict, select, table = insert.onConflictClause, insert.selectStmt, insert.relation
    if conflict is not None and called(conflict.targetList) & (STABLE | VOLATILE):
        yield "stable-in-do-update"
    columns = [column.name for column in insert.cols or ()]
    if table.relname in VOLATILE_DEFAULTS and VOLATILE_DEFAULTS[table.relname] not in columns:
        yield "volatile-default"
    of_rows = select is not None and not select.valuesLists
    if of_rows:
        yield from of_insert_select(insert, columns, cte_names)
    is_qualified = any(
        isinstance(each, ast.ColumnRef) and len(each.fields) > 1 for each in walk(insert.returningClause)
    )
    if insert.returningClause and table.alias is None and (of_rows or is_qualified):
        yield "returning-without-alias"


def of_insert_select(insert: Any, columns: list[str], cte_names: set[str]) -> Iterator[str]:
    """Yield the rules that *insert*, an INSERT ... SELECT of these *columns*, breaks."""
    ctes = [cte.ctequery for cte in ctes_of(insert)]
    if any(isinstance(query, WRITES) for query in ctes):
        yield "insert-in-with"
    table = insert.relation.relname
    if table in REFERENCE_TABLES:
        return
    if table in IDENTITY_TABLES:
        if not insert.returningClause:
            yield "identity-without-returning"
        return
    select = insert.selectStmt
    value = select.targetList[columns.index("workspace_id")].val
    sources = {
        alias
        for alias, name in relations(select.fromClause or ()).items()
        if name not in cte_names and name not in REFERENCE_TABLES
    }
    names = [field.sval for field in value.fields] if isinstance(value, ast.ColumnRef) else []
    # A column without a qualifier is one of the only relation.
    if not sources or names[-1:] != ["workspace_id"] or not set(names[:-1]) <= sources:
        yield "insert-without-table"
