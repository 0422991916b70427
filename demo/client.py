"""A client of Mergelane's wire, no better than what a stranger would write."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import islice

import requests

from demo.errors import DemoError
from demo.people import Json, Profile

#: Seconds that one request may take.
TIMEOUT_S = 60
#: Identifiers that one export may ask for.
EXPORT_LIMIT = 50


class Client:
    """Speaks to the Mergelane at *base_url* with an API *key*."""

    def __init__(self, base_url: str, key: str) -> None:
        self.base_url = base_url
        self.key = key
        self._session = requests.Session()
        self._session.trust_env = False  # neither a proxy nor a .netrc has a part in talking to this machine
        self._session.headers["Authorization"] = f"Bearer {key}"

    def post(self, path: str, body: Json, *, expect: int = HTTPStatus.CREATED) -> Json:
        """Return the answer's body to *body* sent to *path*; raises DemoError on any status but *expect*."""
        response = self._session.post(self.base_url + path, json=body, timeout=TIMEOUT_S)
        return _checked(response, expect)

    def get(self, path: str) -> Json:
        """Return what stands at *path*; raises DemoError when it is not answered with 200."""
        return _checked(self.response(path), HTTPStatus.OK)

    def response(self, path: str) -> requests.Response:
        """Return the whole answer to a GET of *path*, whatever its status."""
        return self._session.get(self.base_url + path, timeout=TIMEOUT_S)

    def create_aliases(self, body: Json) -> None:
        """Create profiles by their aliases; raises DemoError unless each was taken."""
        answer = self.post("/users/alias/new", body)
        _expect_none_refused("/users/alias/new", answer, len(body["user_aliases"]))

    def track(self, body: Json) -> None:
        """Record attributes and histories; raises DemoError unless every object was taken."""
        answer = self.post("/users/track", body)
        _expect_none_refused("/users/track", answer, sum(map(len, body.values())))

    def export(self, profiles: Iterable[Profile]) -> dict[str, Json]:
        """Return what the identifiers of *profiles* export now, by braze_id: merged profiles appear once."""
        users: dict[str, Json] = {}
        for body in export_requests(profiles):
            users |= {user["braze_id"]: user for user in self.post("/users/export/ids", body)["users"]}
        return users


def export_requests(profiles: Iterable[Profile]) -> Iterator[Json]:
    """Yield the bodies that ask for every one of *profiles*."""
    everyone = list(profiles)
    external_ids = [profile.identifier["external_id"] for profile in everyone if profile.identified]
    aliases = [profile.identifier["user_alias"] for profile in everyone if not profile.identified]
    for name, values in (("external_ids", iter(external_ids)), ("user_aliases", iter(aliases))):
        while chunk := list(islice(values, EXPORT_LIMIT)):
            yield {name: chunk}


def _checked(response: requests.Response, expect: int) -> Json:
    """Return the body of *response*; raises DemoError when its status is not *expect*."""
    if response.status_code != expect:
        request = response.request
        raise DemoError(
            f"{request.method} {request.path_url} was answered with {response.status_code}, not {expect}: "
            f"{response.text[:500]}"
        )
    body: Json = response.json()
    return body


def _expect_none_refused(path: str, answer: Json, sent: int) -> None:
    """Raise DemoError unless *answer* counts all that was *sent* as processed."""
    processed = sum(count for name, count in answer.items() if name.endswith("_processed"))
    if processed != sent:
        raise DemoError(f"POST {path} took {processed} of {sent} objects: {answer}")
