"""Equal and valid addresses."""

import pytest

from schemas.addresses import email_fault, email_key, is_power_of_ten, phone_fault, phone_key, to_e164, trim_email

SAME_EMAILS = [
    ("ann@x.org", " Ann@X.ORG\t"),
    ("ann@x.org", "ann@x.org\n"),
    ("ann@x.org", "\ufeffann@x.org\u200b"),
    ("ann@x.org", "\u202aann@x.org\u202c\u3164"),
    ("jos\u00e9@x.org", "jose\u0301@x.org"),
    ("JOSÉ@x.org", "jose\u0301@x.org"),
    ("kate@x.org", "\N{KELVIN SIGN}ate@x.org"),
    ("ann@bücher.de", "ann@xn--bcher-kva.de"),
    ("ann@BÜCHER.de", "Ann@bu\u0308cher.DE"),
    ("info@straße.de", "info@xn--strae-oqa.de"),
    ("ann@例え.jp", "ann@XN--R8JZ45G.JP"),
]
OTHER_EMAILS = [
    ("ann@x.org", "ann@x.com"),
    ("ann@x.org", "a nn@x.org"),
    ("ann@x.org", "ann+news@x.org"),
    ("weiß@x.org", "weiss@x.org"),
    ("straße@x.org", "STRASSE@x.org"),
    ("info@straße.de", "info@strasse.de"),
    ("ada.smith@x.org", "ada.\N{LATIN SMALL LETTER LONG S}mith@x.org"),
    ("fiona@x.org", "\N{LATIN SMALL LIGATURE FI}ona@x.org"),
    ("\N{GREEK SMALL LETTER SIGMA}igma@x.org", "ςigma@x.org"),
    ("irem@x.org", "İrem@x.org"),
    ("irem@x.org", "\N{LATIN SMALL LETTER DOTLESS I}rem@x.org"),
    ("ann@x.org", "\N{FULLWIDTH LATIN SMALL LETTER A}nn@x.org"),
    ("ann@x.org", "a\u200bnn@x.org"),
    ("ann@x.org", "<ann@x.org>"),
    ("ann@i❤.ws", "ann@i.ws"),
]
INVALID_EMAILS = [
    "",
    "ann",
    "ann@x",
    "@x.org",
    "ann@@x.org",
    "ann@x..org",
    "ann@x.org.",
    "a nn@x.org",
    "Ann <ann@x.org>",
    "<ann@x.org>",
    "mailto:ann@x.org",
    "MAILTO:ann@x.org",
    "ann@x.org;",
    "ann@x.org,",
    "ann@x.org;ben@x.org",
    "ann@x.org,ben",
    "(ann@x.org)",
    '"ann@x.org"',
    "'ann@x.org'",
    "[ann@x.org]",
    ".ann@x.org",
    "ann.@x.org",
    "an..n@x.org",
    "ann@-example.com",
    "ann@example-.com",
    "ann@" + "x" * 64 + ".org",
    "ann@[127.0.0.1]",
    "ann@i❤.ws",
    "ann@ex\N{FULLWIDTH FULL STOP}ample.ü",
    "ann@日本。co.jp",
    "ann\N{FULLWIDTH COMMERCIAL AT}x.org",
    "ann@bücher..de",
]
INVISIBLE = (
    "\x00\x07\x1b\x7f\x85\xa0\u00ad\u034f\u061c\u115f\u180e\u200b\u200d\u200e\u2028\u202e\u2060\u2800\u3000\u3164"
    "\ufe0f\ufeff"
)


@pytest.mark.parametrize(("one", "other"), SAME_EMAILS)
def test_two_ways_to_write_one_mailbox_are_equal(one: str, other: str) -> None:
    assert email_key(one) == email_key(other)
    assert email_fault(one) is email_fault(other) is None


@pytest.mark.parametrize(("one", "other"), OTHER_EMAILS)
def test_two_mailboxes_are_never_equal(one: str, other: str) -> None:
    assert email_key(one) != email_key(other)


@pytest.mark.parametrize("address", INVALID_EMAILS)
def test_a_text_that_is_not_one_address_is_refused(address: str) -> None:
    assert email_fault(address) is not None
    assert email_key(address) == address.lower()


@pytest.mark.parametrize("character", INVISIBLE)
def test_an_invisible_character_is_removed_at_the_ends_and_refused_inside(character: str) -> None:
    around = f"{character}Ann@x.org{character}"

    assert trim_email(around) == "Ann@x.org"
    assert (email_key(around), email_fault(around)) == ("ann@x.org", None)
    for inside in (f"an{character}n@x.org", f"ann@x{character}.org"):
        assert email_fault(inside) == f"has the invisible character U+{ord(character):04X} inside"


@pytest.mark.parametrize(
    "address",
    ["o'brien@x.org", "ann+news@x.org", "a_b-c@x-y.org", "ann@mail_1.x.org", "żółć@x.org", "{ann}!#$%&*@x.org"],
)
def test_a_valid_address_is_accepted(address: str) -> None:
    assert email_fault(address) is None


@pytest.mark.parametrize(
    ("number", "e164"),
    [
        ("+14155550123", "+14155550123"),
        ("+1 (415) 555-0123", "+14155550123"),
        (" +49 30 901820 ", "+4930901820"),
        ("+39 02 3661 8300", "+390236618300"),
        ("＋81ー3ー1234ー5678", "+81312345678"),  # noqa: RUF001  as Japanese writers type it
        ("\u202a+1 415 555 0123\u202c", "+14155550123"),
    ],
)
def test_a_number_has_an_e164_form_when_it_names_its_country(number: str, e164: str) -> None:
    assert to_e164(number) == phone_key(number) == e164
    assert phone_fault(number) is None


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        ("4155550123", "has no country code, as +1 or +49"),
        ("004930901820", "has no country code, as +1 or +49"),
        ("+999 123456", "has no country code, as +1 or +49"),
        ("+1", "is not a phone number"),
        ("", "is not a phone number"),
        ("+" * 300, "is not a phone number"),
        ("nonsense", "has letters or an extension"),
        ("+1 650 253 0000 ext. 1", "has letters or an extension"),
        ("+1 650 253 0000 x3", "has letters or an extension"),
        ("+1 650 253 0000 #12", "has letters or an extension"),
        ("+1 650 253 0000,,5", "has letters or an extension"),
        ("+16502530000;ext=9", "has letters or an extension"),
        ("tel:+1-415-555-0123", "has letters or an extension"),
        ("+1 415 555 0123 poste 12", "has letters or an extension"),
        ("+1 253 0000", "can only be dialled locally"),
        ("+15551234", "can only be dialled locally"),
        ("+44 20 7946", "can only be dialled locally"),
        ("+44 (0)0236618300", "is not a phone number"),
        ("+1415555012345678901", "is not a phone number"),
        ("+1415555", "has a length that no number of its country has"),
        ("+1 415 555 0123 4", "has a length that no number of its country has"),
        ("4.47912E+11", "was turned into a power of ten by a spreadsheet, which loses digits"),
    ],
)
def test_a_number_without_an_e164_form_has_a_reason(number: str, fault: str) -> None:
    assert (to_e164(number), phone_key(number), phone_fault(number)) == (None, None, fault)


@pytest.mark.parametrize(
    ("number", "power"),
    [
        ("4.47912E+11", True),
        ("4,47912E+11", True),
        ("4.47912e11", True),
        (" 4E+11 ", True),
        ("+4.47912E+11", True),
        ("447912345678", False),
        ("+1 415 555 0123", False),
        ("call me", False),
        ("E11", False),
        ("", False),
    ],
)
def test_a_number_that_a_spreadsheet_made_is_recognized(number: str, power: bool) -> None:
    assert is_power_of_ten(number) is power
