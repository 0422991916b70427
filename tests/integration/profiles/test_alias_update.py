"""`POST /users/alias/update`: an alias gets another name, unless another profile has it."""

from collections.abc import Callable
from functools import partial

import psycopg
import pytest

from app.users.aliases import NEW_NAME_TAKEN, UNKNOWN_ALIAS
from tests.support.at_once import at_once, while_waiting
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import Json, export, track

database_url = make_database_url(scope="module")


def alias(name: str, label: str = "shop") -> Json:
    return {"alias_label": label, "alias_name": name}


def warning(index: int, sentence: str) -> Json:
    return {"type": sentence, "input_array": "alias_updates", "index": index}


def to(new: str, *, old: str, label: str = "shop") -> Json:
    return {"alias_label": label, "old_alias_name": old, "new_alias_name": new}


def new(caller: Caller, *aliases: Json) -> None:
    assert caller.post("/users/alias/new", {"user_aliases": list(aliases)}).status_code == 201


def update(caller: Caller, *updates: Json) -> Json:
    """Return the answer of `/users/alias/update`, which must accept at least one object."""
    response = caller.post("/users/alias/update", {"alias_updates": list(updates)})
    body: Json = response.json

    assert response.status_code == 201, body
    return body


def of(caller: Caller, name: str, label: str = "shop") -> Json | None:
    """Return the profile with the alias, or None."""
    users = export(caller, user_aliases=[alias(name, label)])
    return users[0] if users else None


def test_an_alias_gets_another_name_and_its_profile_is_updated(caller: Caller) -> None:
    new(caller, alias("7"), alias("8"))
    before = of(caller, "7") or {}
    answer = update(caller, to("9", old="7"))
    after = of(caller, "9") or {}

    assert answer == {"aliases_processed": 1, "message": "success"}
    assert of(caller, "7") is None
    assert after["user_aliases"] == [alias("9")]
    assert after["braze_id"] == before["braze_id"]
    assert after["updated_at"] > before["updated_at"]


def test_an_unknown_alias_is_a_warning(caller: Caller) -> None:
    answer = update(caller, to("9", old="7"))

    assert answer == {"aliases_processed": 1, "message": "success", "warnings": [warning(0, UNKNOWN_ALIAS)]}
    assert of(caller, "9") is None


def test_a_name_that_a_profile_has_is_not_assigned_again(caller: Caller) -> None:
    new(caller, alias("7"), alias("8"))
    before = [of(caller, "7"), of(caller, "8")]
    answer = update(caller, to("8", old="7"), to("8", old="8"))

    assert answer == {"aliases_processed": 2, "message": "success", "warnings": [warning(0, NEW_NAME_TAKEN)]}
    assert [of(caller, "7"), of(caller, "8")] == before


def test_labels_and_names_are_compared_exactly(caller: Caller) -> None:
    new(caller, alias("a"), alias("a", "app"))
    update(caller, to("b", old="A"), to("b", old="a", label="Shop"), to("b", old="a", label="app"))

    assert of(caller, "a") is not None
    assert of(caller, "b") is None
    assert of(caller, "b", "app") is not None


def test_updates_see_the_effects_of_earlier_updates(caller: Caller) -> None:
    new(caller, alias("7"), alias("8"))
    seven, eight = of(caller, "7") or {}, of(caller, "8") or {}
    update(caller, to("x", old="7"), to("7", old="8"), to("8", old="x"))

    assert (of(caller, "8") or {})["braze_id"] == seven["braze_id"]
    assert (of(caller, "7") or {})["braze_id"] == eight["braze_id"]


def test_a_profile_with_an_external_id_keeps_its_other_aliases(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "me", "first_name": "A"}])
    new(caller, {"external_id": "me", **alias("7")}, {"external_id": "me", **alias("7", "app")})
    update(caller, to("9", old="7"))
    (user,) = export(caller, external_ids=["me"])

    assert user["user_aliases"] == [alias("7", "app"), alias("9")]
    assert user["first_name"] == "A"


def test_aliases_of_another_workspace_are_not_changed(caller: Caller, make_caller: Callable[..., Caller]) -> None:
    other = make_caller()
    new(other, alias("7"))
    update(caller, to("9", old="7"))

    assert of(other, "7") is not None


def test_the_response_lists_faulty_aliases_and_the_others_are_updated(caller: Caller) -> None:
    new(caller, alias("7"))
    answer = update(caller, {"alias_label": "shop"}, to("9", old="7"))

    error = {"type": "'old_alias_name' is required", "input_array": "alias_updates", "index": 0}
    assert answer == {"aliases_processed": 1, "message": "success", "errors": [error]}
    assert of(caller, "9") is not None


def test_no_updates_are_no_error(caller: Caller) -> None:
    assert update(caller) == {"aliases_processed": 0, "message": "success"}


@pytest.mark.parametrize("body", [{}, {"alias_updates": [{}]}, {"alias_updates": [to("9", old="7")] * 51}])
def test_bad_input_is_refused_and_changes_nothing(caller: Caller, body: Json) -> None:
    new(caller, alias("7"))
    response = caller.post("/users/alias/update", body)

    assert response.status_code == 400
    assert response.json["message"]
    assert of(caller, "7") is not None


def test_a_key_without_the_permission_is_refused(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(permissions=("users.alias.new",))

    assert caller.post("/users/alias/update", {"alias_updates": []}).status_code == 403


def test_one_of_several_concurrent_requests_gets_the_name(caller: Caller, connection: psycopg.Connection) -> None:
    names = [f"n{number}" for number in range(6)]
    new(caller, *map(alias, names))
    at_once([partial(update, caller, to("9", old=name)) for name in names])
    left = [name for name in names if of(caller, name) is not None]
    (rows,) = connection.execute(
        "SELECT count(*) AS n FROM user_alias WHERE workspace_id = %s", [caller.workspace_id]
    ).fetchall()

    assert len(left) == 5
    assert of(caller, "9") is not None
    assert rows["n"] == 6


def test_one_of_several_concurrent_requests_renames_the_alias(caller: Caller) -> None:
    new(caller, alias("7"))
    at_once([partial(update, caller, to(name, old="7")) for name in "abcdef"])

    assert of(caller, "7") is None
    assert len([name for name in "abcdef" if of(caller, name) is not None]) == 1


def test_concurrent_updates_and_new_aliases_leave_each_name_to_one_profile(caller: Caller) -> None:
    new(caller, alias("7"))
    calls = [partial(update, caller, to("9", old="7")), partial(update, caller, to("9", old="7"))]
    calls += [partial(new, caller, alias("9"), alias("7"))] * 2  # type: ignore[list-item]
    at_once(calls)

    assert (of(caller, "9") or {})["user_aliases"] == [alias("9")]


def test_an_alias_that_gets_another_name_before_it_is_locked_is_looked_up_again(
    caller: Caller, database_url: str
) -> None:
    new(caller, alias("7"))
    with psycopg.connect(database_url) as other:
        held = "SELECT 1 FROM profile JOIN user_alias ON profile_id = id WHERE profile.workspace_id = %s FOR UPDATE"
        other.execute(held, [caller.workspace_id])
        other.execute("UPDATE user_alias SET name = '8' WHERE workspace_id = %s", [caller.workspace_id])
        while_waiting(database_url, partial(update, caller, to("9", old="7")), then=other.commit)

    assert of(caller, "8") is not None
    assert of(caller, "9") is None


def test_a_name_that_another_request_takes_meanwhile_is_not_assigned(caller: Caller, database_url: str) -> None:
    new(caller, alias("7"), alias("8"))
    with psycopg.connect(database_url) as other:
        taken = "UPDATE user_alias SET name = '9' WHERE workspace_id = %s AND name = '8'"
        other.execute(taken, [caller.workspace_id])
        while_waiting(database_url, partial(update, caller, to("9", old="7")), then=other.commit)

    assert of(caller, "7") is not None
    assert of(caller, "8") is None
