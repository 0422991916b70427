"""Placeholders: values that spreadsheets, databases, programs, trackers and templates write instead of identifiers."""

import time

import pytest

from app.setting_values import Placeholders
from schemas.addresses import is_power_of_ten
from schemas.hidden_characters import hidden_character
from schemas.identifiers import Email, ExternalId, Phone, UserAlias
from schemas.placeholders import DEFAULT_PLACEHOLDERS, is_placeholder

REFUSED = [
    # Spreadsheets.
    *(
        "#N/A",
        "#REF!",
        "#VALUE!",
        "#NAME?",
        "#DIV/0!",
        "#NULL!",
        "#NUM!",
        "#n/a",
        "#NV",
        "1.09877E+20",
        "4,47912E+11",
        "1E+15",
    ),
    # Databases.
    *("NULL", "(null)", "<null>", "\\N", "[NULL]", "N/A", "nil", "(NULL)"),
    # Programs.
    *("undefined", "null", "NaN", "[object Object]", "undefined undefined", "null null", "null-null", "nullnull"),
    *("None", "<NA>", "nan", '"null"', "'undefined'", "“null”", " null ", "\tnull\n", "null\u200b"),
    # Trackers.
    *("Anonymous", "unknown", "not_authenticated", "not logged in"),
    *("00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"),
    # Numbers and signs.
    *("0", "-1", "0.0", "000", "-", "---", ".", "+", "", " "),
    # Quotes and brackets around a placeholder.
    *('\\"null\\"', '"" ', "('null')"),
    # Unfilled templates.
    *("{{user_id}}", "{{ user.id }}", "${user_id}", "%%user_id%%", "{% user %}", "<%= id %>", "#{id}", "*|EMAIL|*"),
    *("{user_id}", "%user_id%", "[[user]]", "u-{{id}}", "<user_id>", "__USER__"),
]
ACCEPTED = [
    *("nullsoft", "guest-123", "0a1", "none-such", "Test", "test", "1", "10", "100", "-12", "00000001", "u-0", "0x1f"),
    *("anonymous-7f3a", "unknown-soldier", "undefinedbehaviour", "nanna", "nan123", "Nil Armstrong", "true-4711"),
    *("a{b}c", "{4711}", "<4711>", "50%off", "100%", "A%B%C", "{7d9f-11}", "#4711", "a+b", "x--y", "null_4711"),
    *("00000000-0000-0000-0000-000000000001", "109876543210987654321", "1.5", "12e5", "Zoë", "N", "na-7", "user_id_7"),
]
REFUSED_EMAILS = [
    *("null@null.com", "undefined@undefined.com", "none@none.org", "Null@Null.com ", "noemail@shop.example"),
    *("no-email@x.org", "null@example.com", "nan@nan.de", "unknown@unknown.com", "{{email}}@x.org"),
]
ACCEPTED_EMAILS = ["john@nullsoft.com", "null@nullsoft.com", "none@such.org", "guest@hotel.example", "na@example.com"]


@pytest.mark.parametrize("value", REFUSED)
def test_a_placeholder_is_recognized_as_external_id_and_as_alias(value: str) -> None:
    assert is_placeholder(ExternalId(value), DEFAULT_PLACEHOLDERS)
    assert is_placeholder(UserAlias(label="a", name=value), DEFAULT_PLACEHOLDERS)
    assert is_placeholder(Email(value), DEFAULT_PLACEHOLDERS)
    assert is_placeholder(Phone(value), DEFAULT_PLACEHOLDERS) is not is_power_of_ten(value)


@pytest.mark.parametrize("value", ["guest", "Visitor", "true", "False"])
def test_a_word_that_may_name_an_alias_is_refused_as_external_id_only(value: str) -> None:
    assert is_placeholder(ExternalId(value), DEFAULT_PLACEHOLDERS)
    assert not is_placeholder(UserAlias(label="kind", name=value), DEFAULT_PLACEHOLDERS)


@pytest.mark.parametrize("value", ACCEPTED)
def test_an_id_that_resembles_a_placeholder_is_accepted(value: str) -> None:
    assert not is_placeholder(ExternalId(value), DEFAULT_PLACEHOLDERS)
    assert not is_placeholder(UserAlias(label="null", name=value), DEFAULT_PLACEHOLDERS)


@pytest.mark.parametrize("address", REFUSED_EMAILS)
def test_an_address_that_people_share_is_recognized(address: str) -> None:
    assert is_placeholder(Email(address), DEFAULT_PLACEHOLDERS)


@pytest.mark.parametrize("address", ACCEPTED_EMAILS)
def test_an_address_of_a_person_is_accepted(address: str) -> None:
    assert not is_placeholder(Email(address), DEFAULT_PLACEHOLDERS)


@pytest.mark.parametrize("number", ["+11111111111", "+1 000 000 0000", "+15555555555", "+33000000000", "+19999999999"])
def test_a_number_of_one_digit_is_a_placeholder(number: str) -> None:
    assert is_placeholder(Phone(number), DEFAULT_PLACEHOLDERS)


@pytest.mark.parametrize("number", ["+14155550123", "+6566666666", "+390666666666", "+4766666666", "+4520202020"])
def test_a_number_that_a_person_may_have_is_accepted(number: str) -> None:
    assert not is_placeholder(Phone(number), DEFAULT_PLACEHOLDERS)


@pytest.mark.parametrize(
    "hostile",
    [
        "\\" * 980,
        f"x{' ' * 980}x",
        f"a{chr(92)}'" * 320,
        "{{" * 490,
        "[[" * 490,
        "null " * 190 + "x",
        "(" * 980,
        "0" * 987,
    ],
)
def test_a_hostile_text_is_decided_in_linear_time(hostile: str) -> None:
    started = time.process_time()
    for _ in range(20):
        is_placeholder(ExternalId(hostile), DEFAULT_PLACEHOLDERS)

    assert time.process_time() - started < 0.1


def test_a_configured_list_replaces_or_extends_the_default() -> None:
    own, extended = (Placeholders().deserialize(text) for text in (" Walk-In ,N/D", "{default}, Walk-In"))

    assert is_placeholder(ExternalId("WALK-IN"), own)
    assert not is_placeholder(ExternalId("null"), own)
    assert not is_placeholder(ExternalId("{{id}}"), own)
    assert is_placeholder(ExternalId("walk-in"), extended)
    assert is_placeholder(ExternalId("{{id}}"), extended)
    assert is_placeholder(ExternalId("{{id}}"), Placeholders().deserialize("x,{patterns}"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("zw1\u200b", "U+200B"),
        ("\ufeffzw1", "U+FEFF"),
        ("zw1\n", "U+000A"),
        ("zw\u0007x", "U+0007"),
        ("a\u202eb", "U+202E"),
        ("a\u00adb", "U+00AD"),
        (" zw1 ", None),
        ("Zoe\u0308", None),
        ("a\u00a0b", None),
        ("", None),
    ],
)
def test_a_hidden_character_is_named(text: str, found: str | None) -> None:
    assert hidden_character(text) == found
