"""Request bodies: profiles packed into `/users/alias/new` and `/users/track`, within the vendor's limits."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from demo.people import Json, Profile

#: Maximum number of objects in one array of `/users/track`.
TRACK_LIMIT = 75
#: Maximum number of aliases in one request.
ALIAS_LIMIT = 50
#: The arrays of `/users/track` except attributes; Profile has fields with the same names.
HISTORIES = ("events", "purchases", "sessions", "engagements")


def alias_requests(profiles: Iterable[Profile]) -> Iterator[Json]:
    """Yield the bodies that create every unidentified profile among *profiles* by its alias."""
    aliases = iter([profile.identifier["user_alias"] for profile in profiles if not profile.identified])
    while chunk := list(islice(aliases, ALIAS_LIMIT)):
        yield {"user_aliases": chunk}


def track_requests(profiles: Iterable[Profile]) -> Iterator[Json]:
    """Yield the bodies that record *profiles*: each profile in one body, no array longer than TRACK_LIMIT."""
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
    """Return the arrays of `/users/track` for *profile*; each object has the identifier."""
    arrays = {"attributes": [profile.identifier | profile.attributes]}
    for name in HISTORIES:
        objects: Sequence[Json] = getattr(profile, name)
        arrays[name] = [profile.identifier | each for each in objects]
    return arrays


def count_objects(body: Json) -> int:
    """Return the number of objects in *body*."""
    return sum(map(len, body.values()))


def _empty() -> dict[str, list[Json]]:
    """Return a body with every array empty."""
    return {name: [] for name in ("attributes", *HISTORIES)}


def _without_empty(body: dict[str, list[Json]]) -> Json:
    """Return *body* without its empty arrays."""
    return {name: objects for name, objects in body.items() if objects}
