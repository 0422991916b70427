"""A small HTTP client of the API, as an operator's script would contain it."""

from collections.abc import Iterable
from typing import Any

import requests

from tests.support.waiting import wait_until


class Client:
    """Sends requests with one key to a running Mergelane.

    `request`, `get`, `post` and `put` return the whole response, the other methods return bodies.
    """

    def __init__(self, base_url: str, key: str, workspace: str = "default", *, timeout_s: float = 40) -> None:
        self.base_url = base_url
        self.key = key
        self.workspace = workspace
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request to *path*, an absolute path with its query, and return the response."""
        return self._session.request(method, self.base_url + path, timeout=self._timeout_s, **options)

    def get(self, path: str, **parameters: Any) -> requests.Response:
        """Return the response to GET *path* with *parameters* as its query."""
        return self.request("GET", path, params=parameters)

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        """Return the response to POST *path*; write dashes in the names of headers as underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, json=body, headers=named)

    def put(self, path: str, body: Any) -> requests.Response:
        """Return the response to PUT *path* with *body*."""
        return self.request("PUT", path, json=body)

    def track(self, **arrays: list[dict[str, Any]]) -> dict[str, Any]:
        """Send attributes, events, purchases, sessions or engagements; fail if the server rejects an object."""
        response = self.post("/users/track", arrays)
        body: dict[str, Any] = response.json()

        assert response.status_code == 201, response.text
        assert "errors" not in body, body
        return body

    def export(self, **identifiers: Any) -> list[dict[str, Any]]:
        """Return the profiles that `/users/export/ids` returns for *identifiers*."""
        response = self.post("/users/export/ids", identifiers)

        assert response.status_code == 201, response.text
        users: list[dict[str, Any]] = response.json()["users"]
        return users

    def profile(self, external_id: str) -> dict[str, Any]:
        """Return the one profile with *external_id*."""
        users = self.export(external_ids=[external_id])

        assert len(users) == 1, f"{external_id} is {len(users)} profiles"
        return users[0]

    def merge(self, updates: Iterable[tuple[Any, Any]], **headers: str) -> str:
        """Request merges of (orphan, survivor) and return the batch id; a plain string is an external_id."""
        body = {
            "merge_updates": [
                {"identifier_to_merge": _identifier(orphan), "identifier_to_keep": _identifier(survivor)}
                for orphan, survivor in updates
            ]
        }
        response = self.post("/users/merge", body, **headers)

        assert response.status_code == 202, response.text
        batch_id: str = response.json()["batch_id"]
        return batch_id

    def batch(self, batch_id: str) -> dict[str, Any]:
        """Return the current state of the batch."""
        response = self.get(f"/merge/batches/{batch_id}")

        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def finished(self, batch_id: str, *, seconds: float = 60) -> dict[str, Any]:
        """Wait until the batch is finished and return it."""
        wait_until(
            lambda: self.batch(batch_id)["state"] == "finished",
            seconds=seconds,
            every=0.05,
            what=f"batch {batch_id} to finish",
        )
        return self.batch(batch_id)

    def merged(self, updates: Iterable[tuple[Any, Any]], *, seconds: float = 60) -> list[str]:
        """Merge, wait, and return the outcomes in the order of the updates."""
        batch = self.finished(self.merge(updates), seconds=seconds)
        return [job["outcome"] for job in batch["jobs"]]

    def close(self) -> None:
        """Close the connections of this client."""
        self._session.close()


def _identifier(value: Any) -> Any:
    """Return *value* as the API takes identifiers: a plain string is an external_id."""
    return {"external_id": value} if isinstance(value, str) else value
