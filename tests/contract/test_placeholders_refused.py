"""Every endpoint that could create or extend a shared profile refuses placeholders and hidden characters."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.client import Client

Json = dict[str, Any]

PLACEHOLDERS = ["null", "#N/A", "(null)", "\\N", "00000000-0000-0000-0000-000000000000", "{{user_id}}", "${user_id}"]
PLACEHOLDERS += ["%%user_id%%", "undefined undefined", '"null"', " NULL ", "-"]
HIDDEN = ["zw1\u200b", "\ufeffzw1", "zw1\n", "zw\u0007x"]
#: Sends *value* as a new identifier; returns the sentence of the refusal, or None if it was accepted.
Write = Callable[[Client, str], str | None]


def first_error(client: Client, path: str, body: Json, *, errors: str = "errors") -> str | None:
    answer = client.post(path, body).json()
    found = answer.get(errors) or []
    return (found[0]["type"] if errors == "errors" else found[0][1]) if found else None


def as_external_id_in_track(client: Client, value: str) -> str | None:
    return first_error(client, "/users/track", {"attributes": [{"external_id": value, "first_name": "A"}]})


def as_alias_in_track(client: Client, value: str) -> str | None:
    alias = {"alias_name": value, "alias_label": "shop"}
    target = {"user_alias": alias, "_update_existing_only": False}
    return first_error(client, "/users/track", {"attributes": [{**target, "first_name": "A"}]})


def as_alias_in_alias_new(client: Client, value: str) -> str | None:
    return first_error(client, "/users/alias/new", {"user_aliases": [{"alias_name": value, "alias_label": "shop"}]})


def as_new_name_in_alias_update(client: Client, value: str) -> str | None:
    client.post("/users/alias/new", {"user_aliases": [{"alias_name": "old", "alias_label": "shop"}]})
    update = {"alias_label": "shop", "old_alias_name": "old", "new_alias_name": value}
    return first_error(client, "/users/alias/update", {"alias_updates": [update]})


def as_new_id_in_rename(client: Client, value: str) -> str | None:
    client.track(attributes=[{"external_id": "old"}])
    rename = {"current_external_id": "old", "new_external_id": value}
    return first_error(client, "/users/external_ids/rename", {"external_id_renames": [rename]}, errors="rename_errors")


def as_owner_of_an_alias(client: Client, value: str) -> str | None:
    alias = {"external_id": value, "alias_name": "a", "alias_label": "shop"}
    return first_error(client, "/users/alias/new", {"user_aliases": [alias]})


WRITES: list[Write] = [
    as_owner_of_an_alias,
    as_external_id_in_track,
    as_alias_in_track,
    as_alias_in_alias_new,
    as_new_name_in_alias_update,
    as_new_id_in_rename,
]


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
def test_a_write_of_a_placeholder_is_refused(client: Client, write: Write) -> None:
    sentences = {value: write(client, value) for value in PLACEHOLDERS}

    assert [value for value, sentence in sentences.items() if sentence is None] == []
    assert write(client, "nullsoft") is None


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
def test_a_write_with_a_hidden_character_is_refused_with_its_code_point(client: Client, write: Write) -> None:
    sentences = [write(client, value) for value in HIDDEN]

    codes = ["U+200B", "U+FEFF", "U+000A", "U+0007"]
    expected = [f"contains the control or format character {code}; remove it" for code in codes]
    assert [expected[i] in (text or "") for i, text in enumerate(sentences)] == [True] * len(codes), sentences


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ({"email": "null@null.com"}, "email"),
        ({"email": "noemail@x.org"}, "email"),
        ({"phone": "+11111111111"}, "phone"),
        ({"device_id": "00000000-0000-0000-0000-000000000000"}, "device_id"),
    ],
)
def test_track_refuses_a_placeholder_address(client: Client, target: Json, name: str) -> None:
    sentence = first_error(client, "/users/track", {"attributes": [{**target, "first_name": "A"}]})

    assert sentence == f"'{name}' is a placeholder that unrelated people share; send a real value"


def test_a_placeholder_device_gets_no_alias(client: Client) -> None:
    alias = {"device_id": "9774d56d682e549c", "alias_name": "a", "alias_label": "shop"}
    sentence = first_error(client, "/users/alias/new", {"user_aliases": [alias]})

    assert sentence == "'device_id' is a placeholder that unrelated people share; send a real value"


@pytest.mark.parametrize(
    "identifier",
    [
        {"external_id": "#N/A"},
        {"external_id": "a\u200b"},
        {"user_alias": {"alias_label": "shop", "alias_name": "{{id}}"}},
        {"user_alias": {"alias_label": "sh\u200bop", "alias_name": "a"}},
        {"email": "undefined@undefined.com", "prioritization": ["identified"]},
        {"phone": "+1 000 000 0000", "prioritization": ["identified"]},
    ],
)
def test_a_merge_of_such_an_identifier_ends_in_refused_identifier(client: Client, identifier: Json) -> None:
    client.track(attributes=[{"external_id": "kept"}])

    assert client.merged([(identifier, "kept")]) == ["refused_identifier"]


def test_an_identify_with_such_an_identifier_is_refused(client: Client) -> None:
    client.post("/users/alias/new", {"user_aliases": [{"alias_name": "a", "alias_label": "shop"}]})
    alias = {"alias_name": "a", "alias_label": "shop"}
    hidden = client.post("/users/identify", {"aliases_to_identify": [{"external_id": "x\u200b", "user_alias": alias}]})
    batch = client.post("/users/identify", {"aliases_to_identify": [{"external_id": "#N/A", "user_alias": alias}]})

    assert "U+200B" in hidden.json()["errors"][0]["type"]
    (job,) = client.finished(batch.json()["batch"]["batch_id"])["jobs"]
    assert job["outcome"] == "refused_identifier"
