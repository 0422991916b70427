"""Query plans of segments: the indexes, tables, pages and rows that PostgreSQL reads."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from psycopg import sql

from app.db.transaction import Transaction
from app.segments.statement import compose_statement
from schemas.segments import load_segment

Plan = dict[str, Any]


def explain(tx: Transaction, filter_: Any) -> Plan:
    """Run the query of *filter_* and return its plan."""
    statement, values = compose_statement(load_segment({"filter": filter_}).filter, now=datetime.now(UTC))
    explained = sql.Composed([sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "), statement])
    row = tx.execute(explained, {**values, "workspace_id": 1, "after": 0, "limit": 51}, plan_for_values=True)
    ((plan,),) = (each["QUERY PLAN"] for each in row)
    found: Plan = plan["Plan"]
    return found


def nodes(plan: Plan) -> Iterator[Plan]:
    """Yield *plan* and all plans in it."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def indexes(plan: Plan) -> set[str]:
    """Return the indexes that *plan* uses."""
    return {node["Index Name"] for node in nodes(plan) if "Index Name" in node}


def scanned(plan: Plan) -> set[str]:
    """Return the tables that *plan* reads from end to end."""
    return {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}


def pages(plan: Plan) -> int:
    """Return the number of pages that *plan* read."""
    touched: int = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return touched


def rows_read(plan: Plan) -> float:
    """Return the number of rows that *plan* reads from tables, including the rows that a filter removes."""
    counts = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    rows: float = sum(
        node["Actual Loops"] * sum(node.get(count, 0) for count in counts)
        for node in nodes(plan)
        if "Relation Name" in node
    )
    return rows
