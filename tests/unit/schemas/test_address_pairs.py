"""Random pairs of addresses: two that compare equal are one mailbox or one telephone line."""

import re
import unicodedata
from collections.abc import Callable

import idna
import phonenumbers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import MatchType

from schemas.addresses import email_fault, email_key, phone_key

BLANKS = (" ", "\t", "\n", "\u00a0", "\u200b", "\u2060", "\u202e", "\ufeff", "\u00ad", "\x07", "\u3164")
#: Letters that Unicode maps to others by case folding, compatibility or composition, or that look like others.
LETTERS = (
    "aAåÅbcdeéfiIİkKlmnosSßẞtuüÜxyzςΣµμﬁﬃªº中例えжЖאع0123456789"
    "\u017f\u0131\u03c3\uff21\uff41\u0301\u0308\u0307\u030a\u212a\u212b"
)
JOINERS = "-_+.'"

words = st.text(st.sampled_from(LETTERS + JOINERS), min_size=1, max_size=6)
labels = (
    st.sampled_from(("x", "bücher", "straße", "strasse", "xn--strae-oqa", "例え", "ﬁ", "i❤", "ex_ample", "-x")) | words
)
ends = st.text(st.sampled_from(BLANKS), max_size=2)


@st.composite
def emails(draw: st.DrawFn) -> str:
    domain = ".".join(draw(st.lists(labels, min_size=1, max_size=2)))
    return f"{draw(ends)}{draw(words)}@{domain}.{draw(st.sampled_from(('org', 'de', 'ORG', 'рф')))}{draw(ends)}"


def in_a_labels(address: str) -> str:
    """Return *address* with the domain in A-labels of IDNA 2008, or else of IDNA 2003."""
    local, _, domain = address.rpartition("@")
    for encode in (idna.encode, lambda text: text.encode("idna")):
        try:
            return f"{local}@{encode(domain).decode('ascii')}"
        except UnicodeError:
            continue
    return address


#: Ways to rewrite an address. Some keep the mailbox, and some change it.
REWRITINGS: list[Callable[[str], str]] = [
    str.lower,
    str.upper,
    str.swapcase,
    str.casefold,
    str.strip,
    in_a_labels,
    *(lambda text, form=form: unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")),
    lambda text: f"<{text}>",
    lambda text: f" {text}\u200b",
    lambda text: text.replace("@", "\u200b@"),
    lambda text: text.replace("ß", "ss"),
]
rewritings = st.lists(st.sampled_from(REWRITINGS), max_size=3)


def rewritten(text: str, ways: list[Callable[[str], str]]) -> str:
    for way in ways:
        text = way(text)
    return text


def without_ends(text: str) -> str:
    """Return *text* without the invisible characters at its ends."""
    unseen = r"[\s\x00-\x1f\x7f\u00ad\u200b\u2060\u202e\ufeff\u1160\u3164]*"
    return re.sub(rf"^{unseen}|{unseen}$", "", text)


def mailbox(address: str) -> tuple[str, list[str]]:
    """Return the local part and the labels of the domain in Unicode, which identify a mailbox."""
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFC", without_ends(address)).lower())
    local, _, domain = composed.rpartition("@")
    return local, [in_unicode(label) for label in domain.split(".")]


def in_unicode(label: str) -> str:
    try:
        return idna.decode(label) if label.startswith("xn--") else label
    except UnicodeError:
        return label


@settings(max_examples=1000)
@given(emails(), rewritings, rewritings)
@example("weiß@x.org", [], [str.casefold])
@example("info@straße.de", [], [str.casefold])
@example("info@straße.de", [in_a_labels], [])
@example("Å@x.org", [lambda text: unicodedata.normalize("NFD", text)], [str.lower])
def test_two_emails_are_equal_only_if_case_composition_idna_and_ends_are_all_that_differs(
    address: str, one_way: list[Callable[[str], str]], other_way: list[Callable[[str], str]]
) -> None:
    one, other = rewritten(address, one_way), rewritten(address, other_way)

    if email_key(one) == email_key(other):
        assert mailbox(one) == mailbox(other)
        assert email_fault(one) == email_fault(other)
    elif email_fault(one) is None and email_fault(other) is None:
        assert mailbox(one) != mailbox(other)


@settings(max_examples=1000)
@given(emails(), emails())
def test_two_unrelated_emails_are_equal_only_if_they_name_one_mailbox(one: str, other: str) -> None:
    assert (email_key(one) == email_key(other)) <= (mailbox(one) == mailbox(other))


@given(st.text() | emails())
def test_the_key_of_a_key_is_itself(address: str) -> None:
    assert email_key(email_key(address)) == email_key(address)


COUNTRIES = ("+1", "+44", "+49", "+39", "+52", "+54", "+55", "+81", "+7", "+225", "+800", "+999", "+", "")
#: Numbers of several countries, with and without area codes, and any others.
digits = st.sampled_from(("6502530000", "2530000", "2079460000", "30901820", "0236618300", "312345678")) | st.text(
    st.sampled_from("0123456789"), min_size=5, max_size=11
)
#: Texts before, between and after the digits of a number.
BEFORE = ("", " ", "(", "tel:", "call ", "00", "\u202a")
BETWEEN = ("", " ", "-", ".", "/", " (0)", "\u00a0", "ー", "x", ",")
AFTER = ("", " ", "\n", " ext. 1", " ext. 2", "x3", "#4", ";ext=5", ",,6", " 7", "E+11", "\u202c", " (home)")


@st.composite
def phones(draw: st.DrawFn, digits: st.SearchStrategy[str] = digits) -> str:
    number = draw(digits)
    split = draw(st.integers(0, len(number)))
    before, country, between, within, after = (
        draw(st.sampled_from(each)) for each in (BEFORE, COUNTRIES, BETWEEN, BETWEEN, AFTER)
    )
    return f"{before}{country}{between}{number[:split]}{within}{number[split:]}{after}"


@st.composite
def pairs_of_phones(draw: st.DrawFn) -> tuple[str, str]:
    """Two ways to write the same digits, or two numbers."""
    same = draw(st.none() | digits)
    source = digits if same is None else st.just(same)
    return draw(phones(source)), draw(phones(source))


def has_extension(number: str) -> bool:
    return phonenumbers.parse(number, None).extension is not None


@settings(max_examples=1000)
@given(pairs_of_phones())
@example(("+1 650 253 0000 ext. 1", "+1 650 253 0000 ext. 2"))
@example(("+1 253 0000", "+12530000"))
@example(("+1 (650) 253-0000", "+16502530000"))
def test_two_phones_are_equal_only_if_they_match_exactly_and_have_no_extension(pair: tuple[str, str]) -> None:
    one, other = pair
    key = phone_key(one)
    if key is None or key != phone_key(other):
        return

    assert phonenumbers.is_number_match(one, other) == MatchType.EXACT_MATCH
    assert not has_extension(one)
    assert not has_extension(other)
    assert phonenumbers.is_possible_number(phonenumbers.parse(one, None))


@given(phones())
def test_a_number_in_e164_form_is_its_own_key(number: str) -> None:
    key = phone_key(number)

    assert key is None or (phone_key(key) == key and re.fullmatch(r"\+[1-9][0-9]{4,14}", key) is not None)
