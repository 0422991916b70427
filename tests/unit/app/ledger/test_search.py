"""Search keys: the identifiers of an orphan, and the values that a search matches."""

import pytest

from app.ledger.search import held_keys, plus_forms, search_parameters
from app.merging.profile import EmailAddress, PhoneNumber
from schemas.identifiers import Email, ExternalId, Member, Phone, Recorded, UserAlias
from tests.support.factories import a_profile

EMAIL, PHONE, SHOP, WEB = "\x1f\x1fada@x.org", "\x1f\x1f+14155550100", "\x1fAda", "\x1fg-7"


@pytest.mark.parametrize(
    ("named", "keys"),
    [
        (ExternalId("ada@x.org"), [SHOP, WEB, EMAIL, PHONE]),
        (Email("ADA@x.org"), [SHOP, WEB, PHONE]),
        (Phone("+1 415 555 0100"), [SHOP, WEB, EMAIL]),
        (UserAlias(label="shop", name="Ada"), [WEB, EMAIL, PHONE]),
        (UserAlias(label="web", name="Ada"), [SHOP, WEB, EMAIL, PHONE]),
        (Member(braze_id="0" * 24, address=Email("ada@x.org"), identified=True), [SHOP, WEB, EMAIL, PHONE]),
    ],
)
def test_the_keys_of_an_orphan_are_its_identifiers_outside_the_request(named: Recorded, keys: list[str]) -> None:
    orphan = a_profile(
        user_aliases={"shop": "Ada", "web": "g-7"},
        email=EmailAddress(address="Ada@X.org", key="ada@x.org"),
        phone=PhoneNumber(number="+1 (415) 555-0100", e164="+14155550100"),
    )

    assert held_keys(orphan, named=named) == keys


def test_an_orphan_without_aliases_and_addresses_has_no_keys() -> None:
    assert held_keys(a_profile(), named=ExternalId("a")) == []


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("ada", ["ada"]),
        ("ada+news@x.org", ["ada+news@x.org"]),
        ("ada news@x.org", ["ada news@x.org", "ada+news@x.org"]),
        (" 14155550100", [" 14155550100", "+14155550100"]),
        ("a b c", ["a b c", "a b+c", "a+b c", "a+b+c"]),
        (" a b c d e", [" a b c d e", "+a b c d e", "+a+b+c+d+e"]),
        ("a b c d e f", ["a b c d e f", "a+b+c+d+e+f"]),
        ("", [""]),
    ],
)
def test_a_blank_may_be_a_plus_sign_that_was_not_encoded(text: str, forms: list[str]) -> None:
    assert list(plus_forms(text)) == forms


def test_a_search_without_a_value_has_no_parameters() -> None:
    assert set(search_parameters(None).values()) == {None}


def test_a_search_matches_the_value_itself_and_its_form_as_an_address() -> None:
    parameters = search_parameters("Ada@X.org")

    assert parameters["identifiers"] == ["Ada@X.org"]
    assert {"Ada@X.org", "\x1fAda@X.org", EMAIL} <= set(parameters["exact_keys"] or ())
    assert parameters["email_keys"] == ["ada@x.org"]
    assert EMAIL in (parameters["search_keys"] or ())
