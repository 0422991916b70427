"""Creates, merges and reads pairs of profiles, only through HTTP."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.client import Client

Json = dict[str, Any]

SPRING = "2026-03-01T08:00:00.000Z"
MAY = "2026-05-01T08:00:00.000Z"
SUMMER = "2026-07-01T08:00:00.000Z"
AUTUMN = "2026-10-01T08:00:00.000Z"

#: Exported fields that differ after every merge.
ALWAYS_CHANGES = frozenset({"updated_at"})


@dataclass(frozen=True)
class Merged:
    """A merged pair: the exported survivor before and after the merge, and the job with its changes."""

    client: Client
    before: Json
    survivor: Json
    job: Json

    @property
    def changes(self) -> list[Json]:
        """The changes of the survivor that the job reports."""
        changes: list[Json] = self.job["changes"]
        return changes

    def change(self, field: str) -> tuple[Any, Any, str]:
        """Return `before`, `after` and `rule` of the only change of *field*."""
        (found,) = [each for each in self.changes if each["field"] == field]
        return found["before"], found["after"], found["rule"]

    def entry(self, field: str, name: str) -> Json:
        """Return the survivor's entry *name* in one of the export's lists of summaries."""
        return named(self.survivor, field, name)

    def activity(self, **query: Any) -> Json:
        """Return the survivor's activity."""
        return activity(self.client, self.survivor["braze_id"], **query)

    def history(self, **query: Any) -> list[Json]:
        """Return the survivor's history, newest first, without the braze_ids of origins (see `origins`)."""
        return [
            {name: value for name, value in item.items() if name != "origin"}
            for item in history(self.client, self.survivor["braze_id"], **query)
        ]

    def origins(self, **query: Any) -> list[str]:
        """Return for each item of `history` the profile that it was recorded for: `orphan` or `survivor`."""
        sides = {self.job[side]["braze_id"]: side for side in ("orphan", "survivor")}
        return [sides[item["origin"]] for item in history(self.client, self.survivor["braze_id"], **query)]


def merge_pair(client: Client, *, orphan: Mapping[str, Any], survivor: Mapping[str, Any], name: str = "") -> Merged:
    """Create both profiles with `/users/track`, merge them with `/users/merge`, poll, and export the survivor.

    *orphan* and *survivor* are the arrays of `/users/track`, without identifiers; `attributes` is a single object.
    *name* distinguishes pairs of one workspace.
    """
    orphan_id, survivor_id = f"orphan{name}", f"survivor{name}"
    client.track(**arrays(orphan, external_id=orphan_id))
    client.track(**arrays(survivor, external_id=survivor_id))
    before = client.profile(survivor_id)
    (job,) = client.finished(client.merge([(orphan_id, survivor_id)]))["jobs"]
    merged = Merged(client, before, client.profile(survivor_id), job_with_changes(client, job["job_id"]))

    assert job["outcome"] == "merged", job["reason"]
    assert client.export(external_ids=[orphan_id]) == []
    unreported = differing(merged) - {each["field"].split(".")[0] for each in merged.changes}
    assert not unreported, f"{unreported} changed, but the job reports {merged.changes}"
    return merged


def exported(client: Client, external_ids: Sequence[str]) -> dict[str, Json]:
    """Return the live profiles among *external_ids*, by external_id."""
    chunks = [external_ids[start : start + 50] for start in range(0, len(external_ids), 50)]
    return {user["external_id"]: user for chunk in chunks for user in client.export(external_ids=list(chunk))}


def arrays(written: Mapping[str, Any], *, external_id: str) -> dict[str, list[Json]]:
    """Return *written* as arrays of `/users/track` that create the profile with *external_id*."""
    attributes = [{**written.get("attributes", {}), "external_id": external_id}]
    others = {array: objects for array, objects in written.items() if array != "attributes"}
    happened = {array: [{**each, "external_id": external_id} for each in objects] for array, objects in others.items()}
    return {"attributes": attributes, **happened}


def job_with_changes(client: Client, job_id: str) -> Json:
    """Return the job with its changes."""
    response = client.get(f"/merge/jobs/{job_id}", include="changes")

    assert response.status_code == 200, response.text
    job: Json = response.json()
    return job


def activity(client: Client, braze_id: str, **query: Any) -> Json:
    """Return the activity of a profile for the query *query*."""
    response = client.get(f"/profiles/{braze_id}/activity", **query)

    assert response.status_code == 200, response.text
    body: Json = response.json()
    return body


def history(client: Client, braze_id: str, **query: Any) -> list[Json]:
    """Return the first page of the history of a profile for the query *query*."""
    response = client.get(f"/profiles/{braze_id}/history", **query)

    assert response.status_code == 200, response.text
    items: list[Json] = response.json()["history"]
    return items


def differing(merged: Merged) -> set[str]:
    """Return the exported fields that differ after the merge, except the update time."""
    shown = (merged.before.keys() | merged.survivor.keys()) - ALWAYS_CHANGES
    return {name for name in shown if merged.before.get(name) != merged.survivor.get(name)}


def named(profile: Mapping[str, Any], field: str, name: str) -> Json:
    """Return the entry *name* in one of the export's lists of summaries."""
    (found,) = [each for each in profile.get(field, ()) if each["name"] == name]
    entry: Json = found
    return entry


def names(profile: Mapping[str, Any], field: str) -> list[str]:
    """Return the names of the entries in one of the export's lists of summaries."""
    return [each["name"] for each in profile.get(field, ())]


def ago(**span: float) -> str:
    """Return the time *span* before now, in whole seconds and the format of exports: `ago(days=3)`."""
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(**span)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def event(name: str, time: str, **more: Any) -> Json:
    """Return a custom event."""
    return {"name": name, "time": time, **more}


def purchase(product_id: str, time: str, price: float = 1.0, **more: Any) -> Json:
    """Return a purchase in US dollars."""
    return {"product_id": product_id, "time": time, "price": price, "currency": "USD", **more}


def session(app_id: str, started_at: str, **more: Any) -> Json:
    """Return a session of an app."""
    return {"app_id": app_id, "started_at": started_at, **more}


def engagement(kind: str, message_id: str, what: str, time: str, **more: Any) -> Json:
    """Return an engagement: *what* happened with a campaign or a canvas."""
    return {"kind": kind, "id": message_id, "event": what, "time": time, **more}


def in_chunks(objects: Sequence[Json], size: int) -> Iterable[Sequence[Json]]:
    """Return *objects* in chunks of *size*; `/users/track` takes up to 75 objects of each array."""
    return (objects[start : start + size] for start in range(0, len(objects), size))
