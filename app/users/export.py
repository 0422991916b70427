"""Profiles read back: by the identifiers of an export, one by its braze_id, or all of a workspace by pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Gone, NotFound
from app.merging.profile import Profile
from app.profiles import targets
from app.profiles.store import load
from schemas.export import ExportRequest
from schemas.identifiers import Email, ExternalId

QUERIES = load_queries("app.users", "export.sql")

#: Profiles that one address or device brings into an export.
MAX_SHARING = 1_000
MISSING = "There is no profile with this braze_id in the key's workspace."


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """The profiles that were asked for, each once, and the external_ids that no profile has."""

    profiles: list[Profile]
    unknown_external_ids: list[str]
    #: What more profiles share than are exported, by its name in the request.
    truncated: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of all profiles of a workspace."""

    profiles: list[Profile]
    #: The id of the last profile of this page when there are more, else None.
    next_after: int | None


def export(tx: Transaction, *, request: ExportRequest) -> Export:
    """Return the profiles that *request* asks for, in its order; of those that share an address MAX_SHARING at most."""
    found = targets.find(tx, targets=request.named)
    keys = [targets.key_of(each) for each in request.named]
    ids = [found[key].id for key in keys if key in found]
    truncated: list[str] = []
    for name, query, key in _shared(request):
        sharing = _sharing(tx, query, key=key)
        ids += sharing[:MAX_SHARING]
        truncated += [name] if len(sharing) > MAX_SHARING else []
    profiles = load(tx, ids=ids)
    external_ids = [each for each in request.named if isinstance(each, ExternalId)]
    unknown = [each.value for each in external_ids if targets.key_of(each) not in found]
    return Export(
        profiles=[profiles[each] for each in dict.fromkeys(ids) if each in profiles],
        unknown_external_ids=list(dict.fromkeys(unknown)),
        truncated=truncated,
    )


def page(tx: Transaction, *, after: int, limit: int) -> Page:
    """Return the next *limit* profiles of a workspace whose ids are greater than *after*, in the order of their ids."""
    parameters = {"after": after, "limit": limit + 1}
    ids = [row["id"] for row in tx.execute(QUERIES["profiles_after"], parameters)]
    shown = ids[:limit]
    profiles = load(tx, ids=shown)
    # One that was merged away since its id was read is missing; its survivor has what it had.
    return Page(
        profiles=[profiles[each] for each in shown if each in profiles],
        next_after=shown[-1] if len(ids) > limit else None,
    )


def read(tx: Transaction, *, braze_id: str) -> Profile:
    """Return the live profile with *braze_id*. Raises Gone when it was merged away, and NotFound when there is none."""
    parameters = {"braze_id": braze_id}
    row = tx.execute(QUERIES["find_live"], parameters).fetchone()
    profiles = load(tx, ids=[row["id"]]) if row else {}
    if not profiles:
        raise_missing(tx, braze_id=braze_id)
    (profile,) = profiles.values()
    return profile


def raise_missing(tx: Transaction, *, braze_id: str) -> NoReturn:
    """Raise what there is to say of a braze_id that no live profile has: Gone with its survivor, or NotFound."""
    parameters = {"braze_id": braze_id}
    row = tx.execute(QUERIES["find_survivor"], parameters).fetchone()
    if row is None:
        raise NotFound(MISSING)
    raise Gone(
        f"The profile was merged away; it is now part of profile {row['braze_id']}.",
        survivor_braze_id=row["braze_id"],
    )


def _shared(request: ExportRequest) -> Iterator[tuple[str, str, str]]:
    """Yield what profiles share that *request* asks for: its name there, the query that finds them, and the key."""
    for address in request.shared:
        if isinstance(address, Email):
            yield "email_address", "profiles_of_email", address.key
        else:
            yield "phone", "profiles_of_phone", address.key
    if request.device_id is not None:
        yield "device_id", "profiles_of_device", request.device_id


def _sharing(tx: Transaction, query: str, *, key: str) -> list[int]:
    """Return the ids of the profiles that share *key*: MAX_SHARING, and one more if there are more."""
    parameters = {"key": key, "limit": MAX_SHARING + 1}
    return [row["id"] for row in tx.execute(QUERIES[query], parameters)]
