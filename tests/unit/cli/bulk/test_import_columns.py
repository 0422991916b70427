"""Each column of an import file sets a member; otherwise the file is refused before the first request."""

from typing import Any

import pytest

from app.text_files.merge_columns import check_columns
from cli.bulk.columns.cells import COMMA, CellRules
from cli.bulk.columns.import_columns import ImportColumns, read_import_columns
from cli.bulk.files import FileError


def columns(*names: str, array: str = "attributes", **options: Any) -> ImportColumns:
    """Return the meaning of the columns *names*."""
    return read_import_columns(names, array=array, **options)


def row(found: ImportColumns, *cells: str) -> dict[str, Any]:
    """Return the object for a row of *cells* that has no fault."""
    fault, made = found.to_object(dict(zip((column.header for column in found.columns), cells, strict=True)))
    assert fault is None
    return made


def refused(*names: str, array: str = "attributes", **options: Any) -> str:
    """Return the error message for the columns *names*."""
    with pytest.raises(FileError) as caught:
        columns(*names, array=array, **options)
    return str(caught.value)


@pytest.mark.parametrize("prefix", ["user_alias_", "alias_"])
def test_brazes_columns_of_aliases_and_subscription_groups_are_read(prefix: str) -> None:
    found = columns(f"{prefix}name", f"{prefix}label", "subscription_group_id", "subscription_state", "vip")

    assert row(found, "7", "shop", "g-1", "unsubscribed", "TRUE") == {
        "user_alias": {"alias_name": "7", "alias_label": "shop"},
        "subscription_groups": [{"subscription_group_id": "g-1", "subscription_state": "unsubscribed"}],
        "vip": "TRUE",
    }
    assert row(found, "7", "", "", "", "") == {"user_alias": {"alias_name": "7"}}


def test_known_columns_have_the_types_of_their_members() -> None:
    found = columns("external_id", "_update_existing_only", "test_user", "devices", "dob", "first_name")
    bought = columns("external_id", "product_id", "price", "quantity", array="purchases")

    assert row(found, "1", "FALSE", "maybe", '[{"device_id":"d"}]', "1990-01-02", "007") == {
        "external_id": "1",
        "_update_existing_only": False,
        "test_user": "maybe",
        "devices": [{"device_id": "d"}],
        "dob": "1990-01-02",
        "first_name": "007",
    }
    assert row(bought, "1", "42", "9.50", "2") == {
        "external_id": "1", "product_id": "42", "price": 9.5, "quantity": 2,
    }  # fmt: skip


def test_types_are_detected_on_demand() -> None:
    found = columns("external_id", "a", "b", "c", "d", "first_name", "e:string", rules=CellRules(detect_types=True))

    assert row(found, "1", "TRUE", "1.5", "007", "109876543210987654321", "12", "3") == {
        "external_id": "1",
        "a": True,
        "b": 1.5,
        "c": "007",
        "d": "109876543210987654321",
        "first_name": "12",
        "e": "3",
    }


def test_numbers_may_have_a_decimal_comma() -> None:
    rules = CellRules(detect_types=True, decimal=COMMA)
    found = columns("external_id", "a:number", "b", "c", "d", rules=rules)
    sold = columns("external_id", "product_id", "price", array="purchases", rules=CellRules(decimal=COMMA))
    fault, _ = found.to_object(
        dict(zip(("external_id", "a:number", "b", "c", "d"), ("1", "1.234,5", "", "", ""), strict=True))
    )

    assert row(found, "1", "-1234,5", "0,25", "1.234", "7") == {
        "external_id": "1",
        "a": -1234.5,
        "b": 0.25,
        "c": "1.234",
        "d": 7,
    }
    assert row(sold, "1", "hat", "9,50")["price"] == 9.5
    assert fault == "The cell in column 'a' is not a number: '1.234,5'."


def test_property_columns_belong_to_the_event_in_their_name() -> None:
    found = columns(
        "external_id", "name", "time", "login.properties.channel", "buy.properties.sum:number", array="events"
    )

    assert row(found, "ada", "login", "2026-05-01", "web", "") == {
        "external_id": "ada",
        "name": "login",
        "time": "2026-05-01",
        "properties": {"channel": "web"},
    }
    assert row(found, "ada", "buy", "2026-05-01", "", "5") == {
        "external_id": "ada", "name": "buy", "time": "2026-05-01", "properties": {"sum": 5},
    }  # fmt: skip
    fault, _ = found.to_object(
        dict(zip((each.header for each in found.columns), ("ada", "buy", "t", "web", ""), strict=True))
    )
    assert fault == "The cell in column 'login.properties.channel' belongs to another event than this row."


@pytest.mark.parametrize("array", ["events", "purchases", "sessions", "engagements"])
def test_an_unknown_column_is_refused_except_in_a_file_of_attributes(array: str) -> None:
    assert f"Nothing reads the column 'channel' of the file. The columns of {array} are external_id" in refused(
        "external_id", "channel", array=array
    )


DASHBOARD = ("Appboy ID", "user_id", "email", "city", "date_of_birth", "first_session", "unsubscribed_from_emails_at")


@pytest.mark.parametrize("appboy_id", ["Appboy ID", "Braze ID"])
def test_the_dashboards_columns_are_mapped_in_its_own_file_only(appboy_id: str) -> None:
    names = (appboy_id, *DASHBOARD[1:], "created_at", "number_of_push_tokens", "plan")
    found = columns(*names)
    cells = {name: f"<{name}>" if name in {"user_id", "email", "city", "plan", "created_at"} else "" for name in names}

    assert found.ignored == ["created_at", "number_of_push_tokens"]
    assert found.to_object({**cells, appboy_id: "5f", "unsubscribed_from_emails_at": "2026-01-01"}) == (
        None,
        {
            "external_id": "<user_id>",
            "email": "<email>",
            "home_city": "<city>",
            "email_subscribe": "unsubscribed",
            "plan": "<plan>",
        },
    )
    assert found.to_object({**dict.fromkeys(names, ""), appboy_id: "5f"}) == (None, {"braze_id": "5f"})
    assert row(columns("external_id", "city", "user_id"), "1", "Rom", "2") == {
        "external_id": "1", "city": "Rom", "user_id": "2",
    }  # fmt: skip
    assert row(columns("user_id", "city", dashboard=True), "1", "Rom") == {"external_id": "1", "home_city": "Rom"}


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("External_ID", "external_id"),
        ("EMAIL", "email"),
        ("First Name", "first_name"),
        ("first-name", "first_name"),
        ("firstName", "first_name"),
        ("first\N{NO-BREAK SPACE}name", "first_name"),
        ("first_name\N{ZERO WIDTH SPACE}", "first_name"),
        ("E-Mail", "email"),
        ("User Alias Name", "user_alias_name"),
        ("Subscription State:boolean", "subscription_state"),
        ("appboy_id", "Appboy ID"),
        ("BrazeId", "braze_id"),
        ("Email Address", "email"),
        ("phone_number", "phone"),
    ],
)
def test_a_column_that_is_nearly_a_known_one_is_refused_unless_it_is_declared(name: str, known: str) -> None:
    sentence = refused("external_id", name, "plan")

    assert f"is nearly '{known}'. Rename it to '{known}', or add --custom " in sentence
    assert row(columns("external_id", name, "plan", custom=[name]), "1", "x", "y") == {
        "external_id": "1", name: "x", "plan": "y",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("external_id", "score", "score:number"), "The columns 'score' and 'score:number' of the file set the same"),
        (("external_id", "vip:boolean", "vip:json"), "The columns 'vip:boolean' and 'vip:json' of the file set the"),
        (
            ("user_alias_name", "alias_name", "alias_label"),
            "The columns 'user_alias_name' and 'alias_name' of the file set the same",
        ),
        (
            ("external_id", "subscription_groups", "subscription_group_id", "subscription_state"),
            "The columns 'subscription_groups' and 'subscription_group_id' of the file set the same",
        ),
        (("external_id", "alias_name"), "has the column 'alias_name' without 'alias_label'. Add it."),
        (("external_id", "user_alias_label"), "has the column 'user_alias_label' without 'user_alias_name'. Add it."),
        (("external_id", "subscription_group_id"), "without 'subscription_state'. Add it."),
        (("first_name", "plan"), "No column of the file identifies the profiles."),
        (("external_id", "utm:source"), "has the unknown type 'source'. Use string, number, boolean, json"),
        (("external_id", "first_name\n(opt)"), "has a line break in its name. Write it in one line."),
        (("merge_external_id", "keep_external_id"), "of a merge file. Use `mergelane merge` for it."),
        (("external_id", "Merge Email"), "of a merge file."),
    ],
)
def test_a_header_with_contradicting_or_missing_columns_is_refused(names: tuple[str, ...], sentence: str) -> None:
    assert sentence in refused(*names)


def test_only_a_column_without_another_meaning_can_be_a_custom_attribute() -> None:
    assert "--custom has the column 'vip', which the file does not have." in refused("external_id", custom=["vip"])
    assert "cannot be a custom attribute: its name has a meaning" in refused("external_id", "email", custom=["email"])
    assert "events have no custom attributes" in refused("external_id", "x", array="events", custom=["x"])
    assert row(columns("external_id", "utm:source", custom=["utm:source"]), "1", "x")["utm:source"] == "x"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("Merge_External_ID", "keep_external_id"), "is nearly 'merge_external_id'. Rename it to 'merge_external_id'."),
        (("merge_email", "keep_external_id", "Merge Prioritization"), "is nearly 'merge_prioritization'."),
        (("merge_external_id", "keep_external_id\n(survivor)"), "Unknown column"),
        (("merge_alias_name", "keep_external_id"), "has the column 'merge_alias_name' without 'merge_alias_label'."),
    ],
)
def test_a_column_that_is_nearly_one_of_a_pair_is_refused(names: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(FileError, match="the file") as caught:
        check_columns(names)

    assert sentence in str(caught.value)
