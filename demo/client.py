"""A simple HTTP client of Mergelane, as a user would write it."""

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

import requests

from demo.errors import DemoError
from demo.people import Json, Profile

#: Timeout of one request in seconds.
TIMEOUT_S = 60
#: Maximum number of identifiers in one export.
EXPORT_LIMIT = 50


class Client:
    """Sends requests to the Mergelane at *base_url* with an API *key*."""

    def __init__(self, base_url: str, key: str) -> None:
        self.base_url = base_url
        self.key = key
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc for a server on this machine
        self._session.headers["Authorization"] = f"Bearer {key}"

    def post(self, path: str, body: Json, *, expect: int = HTTPStatus.CREATED) -> Json:
        """POST *body* to *path* and return the response's body; raise DemoError on any status except *expect*."""
        response = self._session.post(self.base_url + path, json=body, timeout=TIMEOUT_S)
        return _checked(response, expect)

    def get(self, path: str) -> Json:
        """GET *path* and return the response's body; raise DemoError on any status except 200."""
        return _checked(self.response(path), HTTPStatus.OK)

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Send a request and return the response's body; raise DemoError on any status from 300 on."""
        response = self._session.request(method, self.base_url + path, json=body, headers=headers, timeout=TIMEOUT_S)
        return _checked(response, response.status_code if response.ok else HTTPStatus.OK)

    def response(self, path: str) -> requests.Response:
        """GET *path* and return the response with any status."""
        return self._session.get(self.base_url + path, timeout=TIMEOUT_S)

    def create_aliases(self, body: Json) -> None:
        """Create profiles by their aliases; raise DemoError unless each was accepted."""
        answer = self.post("/users/alias/new", body)
        _expect_none_refused("/users/alias/new", answer, len(body["user_aliases"]))

    def track(self, body: Json) -> None:
        """Record attributes and histories; raise DemoError unless every object was accepted."""
        answer = self.post("/users/track", body)
        _expect_none_refused("/users/track", answer, sum(map(len, body.values())))

    def export(self, profiles: Iterable[Profile]) -> dict[str, Json]:
        """Export *profiles* by their identifiers; return the users by braze_id, merged profiles once."""
        users: dict[str, Json] = {}
        for body in export_requests(profiles):
            users |= {user["braze_id"]: user for user in self.post("/users/export/ids", body)["users"]}
        return users


def export_requests(profiles: Iterable[Profile]) -> Iterator[Json]:
    """Yield the request bodies that export all *profiles*."""
    everyone = list(profiles)
    external_ids = [profile.identifier["external_id"] for profile in everyone if profile.identified]
    aliases = [profile.identifier["user_alias"] for profile in everyone if not profile.identified]
    for name, values in (("external_ids", iter(external_ids)), ("user_aliases", iter(aliases))):
        while chunk := list(islice(values, EXPORT_LIMIT)):
            yield {name: chunk}


def _checked(response: requests.Response, expect: int) -> Json:
    """Return the body of *response*; raise DemoError when its status is not *expect*."""
    if response.status_code != expect:
        request = response.request
        raise DemoError(
            f"{request.method} {request.path_url} returned {response.status_code} instead of {expect}: "
            f"{response.text[:500]}"
        )
    body: Json = response.json()
    return body


def _expect_none_refused(path: str, answer: Json, sent: int) -> None:
    """Raise DemoError unless *answer* counts all *sent* objects as processed."""
    processed = sum(count for name, count in answer.items() if name.endswith("_processed"))
    if processed != sent:
        raise DemoError(f"POST {path} accepted {processed} of {sent} objects: {answer}")
