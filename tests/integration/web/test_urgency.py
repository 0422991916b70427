"""The header `Priority` on requests that create jobs."""

from typing import Any

import pytest

from app.db.connections import Connection, Pool
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext
from tests.support.profiles import track
from tests.support.undos import merge_one

Json = dict[str, Any]

MERGE = {"merge_updates": [{"identifier_to_merge": ext("a"), "identifier_to_keep": ext("b")}]}
IDENTIFY = {"aliases_to_identify": [{**ext("known"), "user_alias": {"alias_label": "shop", "alias_name": "guest"}}]}


def waiting(caller: Caller) -> Json:
    found: Json = (caller.get("/merge/queue").json or {})["waiting"]
    return found


@pytest.mark.parametrize(
    ("header", "urgency"),
    [
        ("u=0", "0"),
        ("u=7", "7"),
        ("u=1, i", "1"),
        ("i, u=5;x=y", "5"),
        ("u=2, u=4", "4"),
        *((text, "3") for text in ("", "u", "u=8", "u=-1", "u=1.0", 'u="1"', "urgency=1", "U=1", "u=1,", "no field ?")),
    ],
)
def test_a_merge_has_the_urgency_of_its_header_and_invalid_ones_are_ignored(
    caller: Caller, header: str, urgency: str
) -> None:
    response = caller.post("/users/merge", MERGE, headers={"Priority": header})

    assert response.status_code == 202
    assert waiting(caller) == {urgency: 1}


def test_identifications_and_undos_have_the_urgency_of_their_header(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[ext("a"), ext("b")])
    merged = merge_one(caller, pool, ext("a"), ext("b"))
    identified = caller.post("/users/identify", IDENTIFY, headers={"Priority": "u=1", "Prefer": "respond-async"})
    undone = caller.post(f"/merge/jobs/{merged}/undo", headers={"Priority": "u=6"})

    assert (identified.status_code, undone.status_code) == (201, 202)
    assert waiting(caller) == {"1": 1, "6": 1}


def test_the_priority_column_refuses_other_values(connection: Connection, caller: Caller) -> None:
    caller.post("/users/merge", MERGE)
    with pytest.raises(Exception, match="priority_is_an_urgency"), connection.transaction():
        connection.execute("UPDATE job SET priority = 8 WHERE workspace_id = %s", [caller.workspace_id])
