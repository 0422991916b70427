"""Reads the syntax tree of a SQL statement: its functions, its relations, and which of them have the workspace."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pglast
from pglast import enums, parse_sql

#: The types say that every field may be missing. The parser fills all fields that the grammar requires.
ast: Any = pglast.ast

#: Tables that every server has whole.
REFERENCE_TABLES = frozenset({"workspace", "api_key", "alembic_version", "installation", "process_heartbeat"})
PLACEHOLDER = re.compile(r"%\((\w+)\)[sbt]")

#: A column of a relation: the relation's alias, or "" if the column is unqualified.
Owner = str


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


def direct(node: Any) -> Iterator[Any]:
    """Yield *node* and the nodes below it, except those of subqueries."""
    if isinstance(node, tuple | list):
        for each in node:
            yield from direct(each)
    elif isinstance(node, ast.Node):
        yield node
        for name in node.__slots__:
            if not isinstance(getattr(node, name), ast.SelectStmt):
                yield from direct(getattr(node, name))
