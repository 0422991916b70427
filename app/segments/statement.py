"""A filter as one statement: the joins and conditions of its leaves' queries, put together, every value a parameter."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import sql

from app.db.queries import load_queries
from app.segments.leaves import Question, question
from schemas.segment_leaves import Leaf
from schemas.segments import Every, Filter

LEAVES = load_queries("app.segments", "leaves.sql")
QUERIES = load_queries("app.segments", "segments.sql")

#: What stands before the joins of every query of leaves.sql, and what stands between its joins and its condition.
HEAD = "\nFROM own_profile AS profile\n"
BOUND = "WHERE profile.workspace_id = %(workspace_id)s\nAND "
PLACE = re.compile(r"/\* (joins|condition) \*/")
#: The name under which a leaf's query joins something, or a value that it takes: each is the leaf's own.
OWN = re.compile(r"\b(leaf|written)\b|%\((?!workspace_id\))(\w+)\)s")


@dataclass(kw_only=True)
class Statement:
    """A statement as it grows: joins, and values by the names of their parameters."""

    joins: list[sql.Composable] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    leaves: int = 0

    def ask(self, asked: Question) -> sql.Composable:
        """Add the join and the values of *asked*, and return its condition."""
        self.leaves += 1
        joins, _, condition = LEAVES[asked.query].partition(HEAD)[2].partition(BOUND)
        self.joins.append(self._own(joins))
        self.values |= {f"{name}_{self.leaves}": value for name, value in asked.values.items()}
        # A comparison with what is not set is neither true nor false, and its contrary must be true.
        form = "(({}) IS NOT TRUE)" if asked.contrary else "({})"
        return sql.SQL(form).format(self._own(condition))

    def _own(self, text: str) -> sql.Composed:
        """Return *text* with what is the leaf's own numbered, so that no two leaves meet."""
        parts: list[sql.Composable] = []
        end = 0
        for found in OWN.finditer(text):
            parts.append(sql.SQL(text[end : found.start()]))
            alias, parameter = found.groups()
            numbered = f"{alias or parameter}_{self.leaves}"
            parts.append(sql.Identifier(numbered) if alias else sql.Placeholder(numbered))
            end = found.end()
        return sql.Composed([*parts, sql.SQL(text[end:])])


def compose(filter_: Filter, *, now: datetime) -> tuple[sql.Composed, dict[str, Any]]:
    """Return the statement that counts and pages the profiles of *filter_*, and the values of its parameters.

    Beside those it takes `workspace_id`, `after` and `limit`.
    """
    statement = Statement()
    condition = _condition(filter_, statement, now)
    before, _, between, _, behind = PLACE.split(QUERIES["segment_page"])
    joins = sql.SQL("").join(statement.joins)
    parts = [sql.SQL(before), joins, sql.SQL(between), sql.SQL("AND "), condition, sql.SQL(behind)]
    return sql.Composed(parts), statement.values


def _condition(filter_: Filter, statement: Statement, now: datetime) -> sql.Composable:
    """Return the condition of *filter_*, with what it needs added to *statement*."""
    if isinstance(filter_, Leaf):
        return statement.ask(question(filter_, now=now))
    between = sql.SQL(" AND " if isinstance(filter_, Every) else " OR ")
    return sql.SQL("({})").format(between.join(_condition(part, statement, now) for part in filter_.parts))
