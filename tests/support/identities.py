"""Numbers identity changes and reads the identity feed through the API."""

from typing import Any

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from workers.relay.identities import IdentityNumberer

Json = dict[str, Any]


def number_all(pool: Pool, caller: Caller) -> None:
    """Number all identity changes of the caller's workspace, as a relay does."""
    assert IdentityNumberer(pool).number_all(caller.workspace_id)


def feed_page(caller: Caller, **query: Any) -> Json:
    """Return one page of the feed."""
    response = caller.get("/identities", **query)
    page: Json = response.json

    assert response.status_code == 200, page
    return page


def feed(caller: Caller, *, limit: int = 1000, cursor: str | None = None) -> list[Json]:
    """Return all changes after *cursor*, read in pages of *limit*."""
    changes: list[Json] = []
    while True:
        page = feed_page(caller, limit=limit, **({} if cursor is None else {"cursor": cursor}))
        changes += page["changes"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return changes


def survivors(caller: Caller, *, limit: int = 1000) -> list[Json]:
    """Return the whole list of survivors, read in pages of *limit*."""
    ids: list[Json] = []
    cursor: Json = {}
    while True:
        response = caller.get("/survivors", limit=limit, **cursor)
        page: Json = response.json

        assert response.status_code == 200, page
        ids += page["ids"]
        if page["next_cursor"] is None:
            return ids
        cursor = {"cursor": page["next_cursor"]}
