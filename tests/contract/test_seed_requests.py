"""The vendor's example requests, as its pages print them with their doubled braces mended, against the running system.

Each file in `seeds` holds the calls that make the profiles, the request, the status and body that must answer it (extra
keys are allowed, missing ones are not), the outcomes that must follow, and what exports must then show (null: the key
is absent).
"""

from pathlib import Path
from typing import Any

import orjson
import pytest

from demo.examples import EXAMPLES
from tests.support.client import Client

SEEDS = sorted(Path(__file__).with_name("seeds").glob("*.json"))
Json = dict[str, Any]


def read(seed: Path) -> Json:
    """Return what *seed* holds."""
    content: Json = orjson.loads(seed.read_bytes())
    return content


def among(whole: Json, part: Json) -> Json:
    """Return of *whole* what *part* names, None where it has nothing."""
    return {name: whole.get(name) for name in part}


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.stem)
def test_a_request_of_the_vendors_pages_is_answered_and_carried_out_as_they_say(client: Client, seed: Path) -> None:
    case = read(seed)
    for call in case["profiles"]:
        assert client.post(call["path"], call["body"]).status_code == 201
    answer = client.post(case["request"]["path"], case["request"]["body"])

    assert answer.status_code == case["expected"]["status"]
    assert among(answer.json(), case["expected"]["body"]) == case["expected"]["body"]
    assert outcomes(client, answer.json()) == case["outcomes"]
    for export in case["exports"]:
        users = client.export(**export["asked"])

        assert len(users) == len(export["users"]), users
        assert [among(user, expected) for user, expected in zip(users, export["users"], strict=True)] == export["users"]


def outcomes(client: Client, accepted: Json) -> list[str]:
    """Return the outcomes of the batch that *accepted* names, once it is finished; none when it names none."""
    if "batch_id" not in accepted:
        return []
    return [job["outcome"] for job in client.finished(accepted["batch_id"])["jobs"]]


def test_every_example_of_the_demonstration_is_among_the_vendors() -> None:
    bodies = [read(seed)["request"]["body"] for seed in SEEDS]

    assert all(example.body in bodies for example in EXAMPLES)
