"""Finds constructs in a SQL statement that Citus refuses, or runs on every server instead of one.

Citus distributes tables over servers, here by workspace_id; every server has the reference tables whole. Each rule is a
construct that Citus 14 refused when Mergelane was tried on it.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pglast
from pglast import enums, parse_sql

#: The types say that every field may be missing. The parser fills those that the grammar requires.
ast: Any = pglast.ast

#: Every rule, with the construct that works instead.
RULES = {
    "volatile-in-update": "UPDATE calls a volatile function; use statement_timestamp() for clock_timestamp()",
    "stable-in-case": "UPDATE calls a stable function in CASE or COALESCE; take the time from a subquery in FROM",
    "column-interval-in-update": "UPDATE adds an interval to a time and reads a column for it; compute it in a CTE",
    "stable-in-do-update": "DO UPDATE calls a function that is not immutable; use excluded.<column>",
    "insert-without-table": "INSERT ... SELECT reads no distributed table, only functions; read one with workspace_id",
    "insert-in-with": "WITH has an INSERT, or a write that an INSERT ... SELECT reads; use two statements",
    "no-workspace": "a relation has no workspace_id = %(workspace_id)s at its own query level",
    "union-without-table": "an arm of a UNION reads no table",
    "reference-and-distributed": "one statement writes a reference table and a distributed table; use two statements",
    "qualified-returning": "INSERT ... RETURNING qualifies a column with the table's name; give the table an alias",
    "set-config": "set_config() does not reach the other servers; use SET LOCAL",
    "advisory-lock": "an advisory lock is held on one server only",
    "copy": "COPY into a table with row-level security is refused",
}
REFERENCE_TABLES = frozenset({"workspace", "api_key", "alembic_version", "installation", "process_heartbeat"})
VOLATILE = frozenset({"clock_timestamp", "timeofday", "random", "gen_random_uuid", "nextval", "setval", "set_config"})
STABLE = frozenset({"now", "statement_timestamp", "transaction_timestamp"})

PLACEHOLDER = re.compile(r"%\((\w+)\)[sbt]")

#: A column of a relation: the relation's alias, or "" if the column is unqualified.
Owner = str


def find_refused(text: str) -> set[str]:
    """Return the names of the rules that the statement *text*, with psycopg's placeholders, breaks."""
    statement, parameters = parse(text)
    nodes = list(walk(statement))
    tables = {cte.ctename for cte in nodes if isinstance(cte, ast.CommonTableExpr)}
    broken = set(of_functions(nodes))
    broken |= {rule for node in nodes for rule in of_node(node, tables)}
    if any(lacks_workspace(node, tables, parameters) for node in nodes):
        broken.add("no-workspace")
    written = {
        node.relation.relname for node in nodes if isinstance(node, ast.InsertStmt | ast.UpdateStmt | ast.DeleteStmt)
    }
    if written & REFERENCE_TABLES and written - REFERENCE_TABLES:
        broken.add("reference-and-distributed")
    return broken


def parse(text: str) -> tuple[Any, list[str]]:
    """Return the syntax tree of *text* and the names of its placeholders: number 1 is the first."""
    parameters = list(dict.fromkeys(PLACEHOLDER.findall(text)))
    numbered = PLACEHOLDER.sub(lambda match: f"${parameters.index(match[1]) + 1}", text).replace("%%", "%")
    (statement,) = parse_sql(numbered)
    return statement.stmt, parameters


def walk(node: Any) -> Iterator[Any]:
    """Yield *node* and all nodes below it."""
    if isinstance(node, tuple | list):
        yield from chain.from_iterable(map(walk, node))
    elif isinstance(node, ast.Node):
        yield node
        for name in node.__slots__:
            yield from walk(getattr(node, name))


def called(node: Any) -> set[str]:
    """Return the names of the functions that are called in *node*."""
    return {each.funcname[-1].sval for each in walk(node) if isinstance(each, ast.FuncCall)}


def of_functions(nodes: list[Any]) -> Iterator[str]:
    """Yield the rules that a call breaks wherever it is, and that for COPY."""
    names = called(nodes)
    if "set_config" in names:
        yield "set-config"
    if any(re.match(r"pg_(try_)?advisory_", name) for name in names):
        yield "advisory-lock"
    if any(isinstance(node, ast.CopyStmt) for node in nodes):
        yield "copy"


def of_node(node: Any, cte_names: set[str]) -> Iterator[str]:
    """Yield the rules that the node *node* breaks by itself."""
    match node:
        case ast.UpdateStmt():
            yield from of_update(node)
        case ast.InsertStmt():
            yield from of_insert(node, cte_names)
        case ast.CommonTableExpr() if isinstance(node.ctequery, ast.InsertStmt):
            yield "insert-in-with"
        case ast.SelectStmt() if node.larg is not None:
            arms = (node.larg, node.rarg)
            if any(arm.larg is None and not arm.fromClause and not arm.valuesLists for arm in arms):
                yield "union-without-table"


def of_update(update: Any) -> Iterator[str]:
    """Yield the rules that *update* breaks."""
    if called(update) & VOLATILE:
        yield "volatile-in-update"
    choices = [node for node in walk(update) if isinstance(node, ast.CaseExpr | ast.CoalesceExpr)]
    if called(choices) & (STABLE | VOLATILE):
        yield "stable-in-case"
    for node in walk(update.targetList):
        if (
            isinstance(node, ast.A_Expr)
            and node.name[-1].sval in {"+", "-"}
            and "make_interval" in called(node)
            and any(isinstance(each, ast.ColumnRef) for each in walk(node))
        ):
            yield "column-interval-in-update"


def of_insert(insert: Any, cte_names: set[str]) -> Iterator[str]:
    """Yield the rules that *insert* breaks."""
    conflict, select = insert.onConflictClause, insert.selectStmt
    if conflict is not None and called(conflict.targetList) & (STABLE | VOLATILE):
        yield "stable-in-do-update"
    if select is not None and not select.valuesLists:
        yield from of_insert_select(insert, cte_names)
    if insert.relation.alias is None:
        qualified = [
            node
            for node in walk(insert.returningClause)
            if isinstance(node, ast.ColumnRef)
            and len(node.fields) > 1
            and node.fields[0].sval == insert.relation.relname
        ]
        if qualified:
            yield "qualified-returning"


def of_insert_select(insert: Any, cte_names: set[str]) -> Iterator[str]:
    """Yield the rules that *insert*, an INSERT ... SELECT, breaks."""
    ctes = [cte.ctequery for cte in ctes_of(insert)]
    if any(isinstance(query, ast.InsertStmt | ast.UpdateStmt | ast.DeleteStmt) for query in ctes):
        yield "insert-in-with"
    if insert.relation.relname in REFERENCE_TABLES:
        return
    read = tables_in(insert.selectStmt.fromClause)
    if read & cte_names:
        read |= tables_in(ctes)
    if not read - cte_names - REFERENCE_TABLES:
        yield "insert-without-table"


def ctes_of(insert: Any) -> list[Any]:
    """Return the items of the WITH of *insert* or of its SELECT."""
    clauses = [node.withClause for node in (insert, insert.selectStmt) if node is not None]
    return [cte for clause in clauses if clause is not None for cte in clause.ctes]


def tables_in(node: Any) -> set[str]:
    """Return the names of the relations in *node* at all levels."""
    return {each.relname for each in walk(node) if isinstance(each, ast.RangeVar)}


def relations(items: Any) -> dict[Owner, str]:
    """Return the relations of the FROM items *items* by their aliases, without those of subqueries."""
    found: dict[Owner, str] = {}
    for item in items:
        match item:
            case ast.RangeVar():
                found[item.alias.aliasname if item.alias else item.relname] = item.relname
            case ast.JoinExpr():
                found |= relations((item.larg, item.rarg))
    return found


def sources(node: Any) -> int:
    """Return the number of FROM items of the query level *node*, including functions and subqueries."""
    items = [*from_items(node)]
    count = 0
    while items:
        item = items.pop()
        if isinstance(item, ast.JoinExpr):
            items += [item.larg, item.rarg]
        else:
            count += 1
    return count


def from_items(node: Any) -> tuple[Any, ...]:
    """Return the FROM items of the query level *node*, including the table that it writes."""
    match node:
        case ast.SelectStmt():
            return tuple(node.fromClause or ())
        case ast.UpdateStmt():
            return (node.relation, *(node.fromClause or ()))
        case ast.DeleteStmt():
            return (node.relation, *(node.usingClause or ()))
    return ()


def conditions(node: Any) -> Iterator[Any]:
    """Yield the conditions that hold at the query level *node*: WHERE and ON, split at AND."""
    pending = [node.whereClause]
    joins = list(from_items(node))
    while joins:
        item = joins.pop()
        if isinstance(item, ast.JoinExpr):
            pending.append(item.quals)
            joins += [item.larg, item.rarg]
    while pending:
        condition = pending.pop()
        if isinstance(condition, ast.BoolExpr) and condition.boolop == enums.BoolExprType.AND_EXPR:
            pending += condition.args
        elif condition is not None:
            yield condition


def joined_by_using(node: Any) -> Iterator[set[Owner | int]]:
    """Yield for each JOIN ... USING (workspace_id) of the query level *node* the aliases of its relations."""
    items = list(from_items(node))
    while items:
        item = items.pop()
        if isinstance(item, ast.JoinExpr):
            items += [item.larg, item.rarg]
            if any(column.sval == "workspace_id" for column in item.usingClause or ()):
                yield set(relations((item.larg, item.rarg)))


def lacks_workspace(node: Any, cte_names: set[str], parameters: list[str]) -> bool:
    """Return whether a distributed relation of the query level *node* is not bound to %(workspace_id)s there.

    A join on workspace_id with a bound relation of the same level binds too: PostgreSQL derives the condition itself.
    """
    if not isinstance(node, ast.SelectStmt | ast.UpdateStmt | ast.DeleteStmt):
        return False
    owners = {
        alias
        for alias, name in relations(from_items(node)).items()
        if name not in cte_names and name not in REFERENCE_TABLES and not name.startswith("pg_")
    }
    only = next(iter(owners)) if sources(node) == 1 and owners else ""
    groups: list[set[Owner | int]] = list(joined_by_using(node))
    for condition in conditions(node):
        if isinstance(condition, ast.A_Expr) and condition.name[-1].sval == "=":
            sides = {side_of(condition.lexpr, only, parameters), side_of(condition.rexpr, only, parameters)}
            if None not in sides:
                groups.append(sides)  # type: ignore[arg-type]
    bound: set[Owner | int] = {0}
    while grown := [group for group in groups if group & bound and not group <= bound]:
        bound |= set().union(*grown)
    return not owners <= bound


def side_of(expression: Any, only: Owner, parameters: list[str]) -> Owner | int | None:
    """Return 0 for %(workspace_id)s, the relation's alias for its column workspace_id, and None for anything else."""
    if isinstance(expression, ast.TypeCast):
        expression = expression.arg
    if isinstance(expression, ast.ParamRef):
        return 0 if parameters[expression.number - 1] == "workspace_id" else None
    if isinstance(expression, ast.ColumnRef):
        names = [field.sval for field in expression.fields if isinstance(field, ast.String)]
        if names[-1:] == ["workspace_id"]:
            return names[-2] if len(names) > 1 else only
    return None
