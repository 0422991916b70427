import threading
from collections.abc import Callable
from typing import Any

import pytest

from app.users.aliases import LABEL_TAKEN, TAKEN, UNKNOWN_DEVICE, UNKNOWN_OWNER
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import Json, export, the_profile, track

database_url = make_database_url(scope="module")


def alias(name: str, label: str = "shop") -> Json:
    return {"alias_label": label, "alias_name": name}


def warning(index: int, sentence: str) -> Json:
    return {"type": sentence, "input_array": "user_aliases", "index": index}


def new(caller: Caller, *aliases: Json) -> Json:
    """Return the response of `/users/alias/new`, which must accept at least one alias."""
    response = caller.post("/users/alias/new", {"user_aliases": list(aliases)})
    body: Json = response.json

    assert response.status_code == 201, body
    return body


def of(caller: Caller, name: str, label: str = "shop") -> Json | None:
    """Return the profile with the alias, or None."""
    users = export(caller, user_aliases=[alias(name, label)])
    return users[0] if users else None


def test_an_alias_without_another_identifier_creates_a_profile(caller: Caller) -> None:
    answer = new(caller, alias("7"), alias("8"))
    seven, eight = of(caller, "7"), of(caller, "8")

    assert answer == {"aliases_processed": 2, "message": "success"}
    assert seven is not None
    assert eight is not None
    assert seven["braze_id"] != eight["braze_id"]
    assert seven["user_aliases"] == [alias("7")]
    assert "external_id" not in seven


def test_an_alias_is_added_to_the_profile_with_the_external_id(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    before = the_profile(caller)
    new(caller, {"external_id": "me", **alias("7")}, {"external_id": "me", **alias("9", "app")})
    after = the_profile(caller)

    assert after["user_aliases"] == [alias("9", "app"), alias("7")]
    assert after["braze_id"] == before["braze_id"]
    assert after["updated_at"] > before["updated_at"]


def test_an_unknown_external_id_is_a_warning_and_creates_nothing(
    caller: Caller, counted: Callable[[], dict[str, int]]
) -> None:
    answer = new(caller, {"external_id": "nobody", **alias("7")})

    assert answer == {"aliases_processed": 1, "message": "success", "warnings": [warning(0, UNKNOWN_OWNER)]}
    assert set(counted().values()) == {0}


def test_an_alias_that_is_taken_stays_with_its_profile(caller: Caller, counted: Callable[[], dict[str, int]]) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    new(caller, alias("7"))
    before = of(caller, "7")
    answer = new(caller, alias("7"), {"external_id": "me", **alias("7")})

    assert answer == {
        "aliases_processed": 2,
        "message": "success",
        "warnings": [warning(0, TAKEN), warning(1, TAKEN)],
    }
    assert of(caller, "7") == before
    assert the_profile(caller)["user_aliases"] == []
    assert counted()["profile"] == 2


def test_a_second_name_for_a_label_is_not_added(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    first = new(caller, {"external_id": "me", **alias("7")}, {"external_id": "me", **alias("1")})
    second = new(caller, {"external_id": "me", **alias("2")})

    assert (first["aliases_processed"], first["warnings"]) == (2, [warning(1, LABEL_TAKEN)])
    assert (second["aliases_processed"], second["warnings"]) == (1, [warning(0, LABEL_TAKEN)])
    assert the_profile(caller)["user_aliases"] == [alias("7")]
    assert of(caller, "2") is None


def test_an_alias_that_the_profile_already_has_causes_no_warning(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    new(caller, {"external_id": "me", **alias("7")})
    before = the_profile(caller)
    again = new(caller, {"external_id": "me", **alias("7")})

    assert again == {"aliases_processed": 1, "message": "success"}
    assert the_profile(caller) == before


def test_a_warning_has_the_index_of_its_object_in_the_request(caller: Caller) -> None:
    answer = new(caller, {"alias_label": "shop"}, {"external_id": "nobody", **alias("7")})

    assert [each["index"] for each in answer["errors"]] == [0]
    assert answer["warnings"] == [warning(1, UNKNOWN_OWNER)]


def test_an_alias_is_added_to_the_unidentified_profile_with_a_device(caller: Caller) -> None:
    track(caller, attributes=[{"device_id": "d", "first_name": "Ada"}])
    answer = new(caller, {"device_id": "d", **alias("7")}, {"device_id": "other", **alias("8")})
    guest = of(caller, "7") or {}

    assert (answer["aliases_processed"], answer["warnings"]) == (2, [warning(1, UNKNOWN_DEVICE)])
    assert guest["first_name"] == "Ada"
    assert of(caller, "8") is None


def test_the_device_of_an_alias_with_an_external_id_is_ignored(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "me"}, {"device_id": "d"}])
    new(caller, {"external_id": "me", "device_id": 7, **alias("7")})

    assert the_profile(caller)["user_aliases"] == [alias("7")]


def test_names_are_case_sensitive(caller: Caller) -> None:
    new(caller, alias("a"), alias("A"), alias("a", "Shop"))

    assert len({(of(caller, "a") or {})["braze_id"], (of(caller, "A") or {})["braze_id"]}) == 2
    assert of(caller, "a", "Shop") is not None


def test_the_same_alias_twice_in_a_request_is_added_once(caller: Caller, counted: Callable[[], dict[str, int]]) -> None:
    new(caller, alias("7"), alias("7"))

    assert counted()["profile"] == 1


def test_an_alias_in_a_user_alias_object_is_accepted(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    new(caller, {"user_alias": alias("7")}, {"user_alias": {"external_id": "me", **alias("8")}})

    assert of(caller, "7") is not None
    assert the_profile(caller)["user_aliases"] == [alias("8")]


def test_aliases_at_their_limit_are_stored(caller: Caller) -> None:
    long = "é" * 118
    new(caller, alias(long, long))

    assert of(caller, long, long) is not None


def test_the_response_lists_invalid_aliases_and_the_others_are_added(caller: Caller) -> None:
    answer = new(caller, {"alias_label": "shop"}, alias("7"), alias("é" * 119))

    assert answer == {
        "aliases_processed": 1,
        "message": "success",
        "errors": [
            {"type": "'alias_name' is required", "input_array": "user_aliases", "index": 0},
            {"type": "'alias_name' may not be longer than 236 bytes", "input_array": "user_aliases", "index": 2},
        ],
    }
    assert of(caller, "7") is not None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "'user_aliases' must be an array of objects"),
        ([], "'user_aliases' must be an array of objects"),
        ({"user_aliases": alias("7")}, "'user_aliases' must be an array of objects"),
        ({"user_aliases": ["7"]}, "'user_aliases' must be an array of objects"),
        ({"user_aliases": [{}]}, "'alias_name' is required"),
        ({"user_aliases": [alias("")]}, "'alias_name' may not be empty"),
        ({"user_aliases": [alias("7", "")]}, "'alias_label' may not be empty"),
        ({"user_aliases": [{**alias("7"), "external_id": ["x"]}]}, "'external_id' must be a string"),
        ({"user_aliases": [{**alias("7"), "device_id": 7}]}, "'device_id' must be a string"),
        ({"user_aliases": [alias(7)]}, "'alias_name' must be a string"),  # type: ignore[arg-type]
        (
            {"user_aliases": [alias(str(number)) for number in range(51)]},
            "The max number of external_ids and aliases per request was exceeded",
        ),
    ],
)
def test_bad_input_is_refused_with_a_sentence_and_changes_nothing(
    caller: Caller, counted: Callable[[], dict[str, int]], body: Any, message: str
) -> None:
    response = caller.post("/users/alias/new", body)

    assert response.status_code == 400
    assert response.json["message"] == message
    assert set(counted().values()) == {0}


def test_no_aliases_are_no_error(caller: Caller) -> None:
    assert new(caller) == {"aliases_processed": 0, "message": "success"}


def test_concurrent_requests_add_each_alias_once(caller: Caller, counted: Callable[[], dict[str, int]]) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    mine = {"external_id": "me", **alias("7")}
    answers: list[int] = []

    def give(number: int) -> None:
        aliases = [alias("1"), mine, alias("2"), alias("7"), {"external_id": "me", **alias("x", "app")}]
        body = {"user_aliases": aliases if number % 2 else aliases[::-1]}
        answers.append(caller.post("/users/alias/new", body).status_code)

    threads = [threading.Thread(target=give, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = counted()

    assert answers == [201] * 6
    assert rows["user_alias"] == 4
    assert rows["profile"] in {3, 4}


def test_an_alias_that_a_first_object_cannot_get_is_free_for_the_next_one(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "me"}, {"external_id": "you"}])
    new(caller, {"external_id": "me", **alias("taken-label")})
    new(
        caller,
        {"external_id": "nobody", **alias("1")},
        alias("1"),
        {"external_id": "me", **alias("2")},
        {"external_id": "you", **alias("2")},
        {"external_id": "you", **alias("3")},
        {"external_id": "me", **alias("3", "app")},
    )
    first, second = of(caller, "1"), of(caller, "2")

    assert first is not None
    assert "external_id" not in first
    assert second is not None
    assert second["external_id"] == "you"
    assert of(caller, "3") is None
    assert (of(caller, "3", "app") or {})["external_id"] == "me"
