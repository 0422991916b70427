"""The query strings of `GET /merge/runs` and its export."""

from collections.abc import Mapping
from typing import Any

from flask import g

from app.db.transaction import open_transaction
from app.ledger import run_lists
from app.web.auth import ACCESS_DENIED, POLLING, AccessDenied, pool
from schemas.paging import Order, load_query
from schemas.runs import MergeRunPageQuery

PAGE_QUERY = MergeRunPageQuery()


def list_requested_runs(arguments: Mapping[str, str]) -> run_lists.MergeRunPage:
    """Return a page of runs for the *arguments* of a query string.

    Raises ValidationError if they are invalid, and AccessDenied for a filter that the key may not use.
    """
    query = load_query(PAGE_QUERY, arguments)
    matching = run_filter_from(query)
    with open_transaction(pool(), g.workspace_id) as tx:
        return run_lists.list_merge_runs(
            tx,
            matching=matching,
            limit=query["limit"],
            after=query.get("cursor"),
            oldest_first=query["order"] is Order.OLDEST,
        )


def run_filter_from(query: Mapping[str, Any]) -> run_lists.MergeRunFilter:
    """Return the filter of a loaded query.

    Raises AccessDenied for an identifier if the key may not read jobs, which have the identifiers.
    """
    if "identifier" in query and not any(map(g.may, POLLING)):
        raise AccessDenied(ACCESS_DENIED)
    names = ("kind", "state", "source", "key", "outcome", "identifier")
    return run_lists.MergeRunFilter(
        **{name: query.get(name) for name in names}, since=query.get("from"), until=query.get("to")
    )
