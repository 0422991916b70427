"""Every example body of the vendor's three pages, as printed and corrected, against the running system.

The pages print the merges with a second brace and hide the addresses. Each file in `seeds` holds the calls that make
the profiles; the request, as `body`, or as `lines` to send to the letter; the status and body that must answer it
(extra keys are allowed, missing ones are not); the outcomes and the changes that must follow, job by job; and what
exports must then show, field by field.
"""

from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from demo.examples import EXAMPLES
from tests.support.client import Client
from tests.support.pairs import job_with_changes

SEEDS = sorted(Path(__file__).with_name("seeds").glob("*.json"))
#: Fields of an export that differ between two runs.
VOLATILE = frozenset({"braze_id", "appboy_id", "random_bucket", "created_at", "updated_at"})

Json = dict[str, Any]


def read(seed: Path) -> Json:
    """Return what *seed* holds."""
    content: Json = orjson.loads(seed.read_bytes())
    return content


def among(whole: Json, part: Json) -> Json:
    """Return of *whole* what *part* names, None where it has nothing."""
    return {name: whole.get(name) for name in part}


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.stem)
def test_a_request_from_the_vendors_documentation_has_the_documented_result(client: Client, seed: Path) -> None:
    case = read(seed)
    for call in case["profiles"]:
        assert client.post(call["path"], call["body"]).status_code == 201
    response = send(client, case["request"])
    jobs = finished_jobs(client, response.json())

    assert response.status_code == case["expected"]["status"]
    assert among(response.json(), case["expected"]["body"]) == case["expected"]["body"]
    assert [job["outcome"] for job in jobs] == case["outcomes"]
    assert [changes_of(client, job) for job in jobs] == case["changes"]
    for export in case["exports"]:
        assert [lasting(user) for user in client.export(**export["request"])] == export["users"]


def send(client: Client, request: Json) -> requests.Response:
    """Return the response to *request*, whose `lines` are sent to the letter."""
    if "lines" not in request:
        return client.post(request["path"], request["body"])
    text = "\n".join(request["lines"])
    headers = {"Content-Type": "application/json"}
    return client.request("POST", request["path"], data=text.encode(), headers=headers)


def finished_jobs(client: Client, accepted: Json) -> list[Json]:
    """Return the jobs of the batch that *accepted* names, once it is finished; none when it names none."""
    if "batch_id" not in accepted:
        return []
    jobs: list[Json] = client.finished(accepted["batch_id"])["jobs"]
    return jobs


def changes_of(client: Client, job: Json) -> list[list[Any]]:
    """Return field, before, after and rule of each change that *job* made."""
    changes = job_with_changes(client, job["job_id"])["changes"]
    return [[each[name] for name in ("field", "before", "after", "rule")] for each in changes or ()]


def lasting(user: Json) -> Json:
    """Return the exported *user* without what differs between two runs."""
    return {name: value for name, value in user.items() if name not in VOLATILE}


def test_every_example_of_the_demonstration_is_among_the_vendors() -> None:
    bodies = [read(seed)["request"].get("body") for seed in SEEDS]

    assert all(example.body in bodies for example in EXAMPLES)
