"""Request bodies: profiles packed into `/users/alias/new` and `/users/track`, within the vendor's limits."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from demo.people import Json, Profile

#: Objects that one array of `/users/track` may hold.
TRACK_LIMIT = 75
#: Aliases that one request may create.
ALIAS_LIMIT = 50
#: The arrays of `/users/track` beside attributes, as profiles name them.
HISTORIES = ("events", "purchases", "sessions", "engagements")


def alias_requests(profiles: Iterable[Profile]) -> Iterator[Json]:
    """Yield the bodies that create every unidentified profile among *profiles* by its alias."""
    aliases = iter([profile.identifier["user_alias"] for profile in profiles if not profile.identified])
    while chunk := list(islice(aliases, ALIAS_LIMIT)):
        yield {"user_aliases": chunk}


def track_requests(profiles: Iterable[Profile]) -> Iterator[Json]:
    """Yield the bodies that record *profiles*, each whole within one body, no array beyond TRACK_LIMIT."""
    body = _empty()
    for profile in profiles:
        arrays = track_arrays(profile)
        if any(len(body[name]) + len(arrays[name]) > TRACK_LIMIT for name in arrays):
            yield _without_empty(body)
            body = _empty()
        for name, objects in arrays.items():
            body[name] += objects
    if body["attributes"]:
        yield _without_empty(body)


def track_arrays(profile: Profile) -> dict[str, list[Json]]:
    """Return what `/users/track` takes of *profile*, by array, each object with the identifier."""
    arrays = {"attributes": [profile.identifier | profile.attributes]}
    for name in HISTORIES:
        objects: Sequence[Json] = getattr(profile, name)
        arrays[name] = [profile.identifier | each for each in objects]
    return arrays


def count_objects(body: Json) -> int:
    """Return how many objects *body* sends."""
    return sum(map(len, body.values()))


def _empty() -> dict[str, list[Json]]:
    """Return a body with every array empty."""
    return {name: [] for name in ("attributes", *HISTORIES)}


def _without_empty(body: dict[str, list[Json]]) -> Json:
    """Return *body* without its empty arrays."""
    return {name: objects for name, objects in body.items() if objects}
