"""Compose one statement from a filter: the joins and conditions of its leaves, with every value as a parameter."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import sql

from app.db.queries import load_queries
from app.segments.leaf_query import LeafQuery
from app.segments.leaves import leaf_query
from schemas.segment_comparisons import Leaf
from schemas.segments import Every, Filter

#: The queries of leaves.
LEAVES = {**load_queries("app.segments", "leaves.sql"), **load_queries("app.segments", "summary_leaves.sql")}
QUERIES = load_queries("app.segments", "segments.sql")

#: In each query of a leaf: the text before its joins, and the text between its joins and its condition.
BEFORE_JOINS = "\nFROM workspace_profile AS profile\n"
BEFORE_CONDITION = "WHERE profile.workspace_id = %(workspace_id)s\nAND "
PLACE = re.compile(r"/\* (joins|condition) \*/")
#: Names in a leaf's query that need a number: its join aliases and its parameters.
NUMBERED = re.compile(r"\b(leaf|written)\b|%\((?!workspace_id\))(\w+)\)s")


@dataclass(kw_only=True)
class StatementBuilder:
    """Joins and parameter values collected from leaves."""

    joins: list[sql.Composable] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    leaves: int = 0

    def add_leaf(self, query: LeafQuery) -> sql.Composable:
        """Add the joins and the values of *query*; return its condition."""
        self.leaves += 1
        joins, _, condition = LEAVES[query.query].partition(BEFORE_JOINS)[2].partition(BEFORE_CONDITION)
        self.joins.append(self._numbered(joins))
        self.values |= {f"{name}_{self.leaves}": value for name, value in query.values.items()}
        # A comparison with NULL is neither true nor false, but its negation must be true.
        form = "(({}) IS NOT TRUE)" if query.negated else "({})"
        return sql.SQL(form).format(self._numbered(condition))

    def _numbered(self, text: str) -> sql.Composed:
        """Return *text* with the leaf's number in its names, so that two leaves do not clash."""
        parts: list[sql.Composable] = []
        end = 0
        for found in NUMBERED.finditer(text):
            parts.append(sql.SQL(text[end : found.start()]))
            alias, parameter = found.groups()
            numbered = f"{alias or parameter}_{self.leaves}"
            parts.append(sql.Identifier(numbered) if alias else sql.Placeholder(numbered))
            end = found.end()
        return sql.Composed([*parts, sql.SQL(text[end:])])


def compose_statement(filter_: Filter, *, now: datetime) -> tuple[sql.Composed, dict[str, Any]]:
    """Return the statement that counts and pages the profiles of *filter_*, and its parameter values.

    The caller adds the parameters `workspace_id`, `after` and `limit`.
    """
    builder = StatementBuilder()
    condition = _condition(filter_, builder, now)
    before, _, between, _, behind = PLACE.split(QUERIES["segment_page"])
    joins = sql.SQL("").join(builder.joins)
    parts = [sql.SQL(before), joins, sql.SQL(between), sql.SQL("AND "), condition, sql.SQL(behind)]
    return sql.Composed(parts), builder.values


def _condition(filter_: Filter, builder: StatementBuilder, now: datetime) -> sql.Composable:
    """Return the condition of *filter_*; add its joins and values to *builder*."""
    if isinstance(filter_, Leaf):
        return builder.add_leaf(leaf_query(filter_, now=now))
    between = sql.SQL(" AND " if isinstance(filter_, Every) else " OR ")
    return sql.SQL("({})").format(between.join(_condition(part, builder, now) for part in filter_.parts))
