"""Email addresses and phone numbers: which are valid, and which are equal. The only place that decides either."""

import re
import unicodedata
from functools import lru_cache

import idna
import phonenumbers

#: The number of these rules of comparison. Increase it when a stored key changes: see app/profiles/recomputation.py.
COMPARISON = 2
#: The vendor's sentence.
INVALID_EMAIL = "The value provided for the 'email' field is not a valid email."

#: One label of an ASCII domain; with an underscore, which internal domains have.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_ASCII_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
#: Characters of a local part. The excluded ones separate addresses or surround one: `<a@x.org>`, `mailto:a@x.org`.
_WORD = r"""[^\s\x00-\x1f\x7f@.()<>\[\]:;,\\"]+"""
#: Words joined by single dots.
_LOCAL_PART = re.compile(rf"{_WORD}(?:\.{_WORD})*")
_ASCII_BLANKS = "".join(map(chr, range(33))) + "\x7f"
#: Invisible characters that Unicode calls letters, marks or symbols: Default_Ignorable_Code_Point
#: without Cf, and the blank Braille pattern.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
#: A number that a spreadsheet or a program displays as a power of ten: `4.47912E+11`, `4,47912e11`.
_POWER_OF_TEN = re.compile(r"\s*[+-]?\d+(?:[.,]\d+)?\s*e\s*[+-]?\d+\s*", re.IGNORECASE)
#: The prolonged sound mark, a letter for Unicode, which Japanese writers use as a hyphen between digits.
_HYPHEN_LETTER = "\N{KATAKANA-HIRAGANA PROLONGED SOUND MARK}"


def trim_email(address: str) -> str:
    """Return *address* without blanks, control characters and invisible characters at its ends."""
    if address.isascii():
        return address.strip(_ASCII_BLANKS)
    start, end = 0, len(address)
    while start < end and _is_blank(address[start]):
        start += 1
    while start < end and _is_blank(address[end - 1]):
        end -= 1
    return address[start:end]


def email_key(address: str) -> str:
    """Return *address* as it is compared: trimmed, NFC, in lower case, a Unicode domain as its A-labels (IDNA 2008).

    Two letters that only full case folding joins are different mailboxes: ß and ss. Every text has a key, also a stored
    address that email_fault refuses or that field-level encryption hides.
    """
    trimmed = trim_email(address)
    if trimmed.isascii():
        return trimmed.lower()
    # Lower-case letters with marks may have a composed form that the capital lacks.
    lower = unicodedata.normalize("NFC", unicodedata.normalize("NFC", trimmed).lower())
    local, at, domain = lower.rpartition("@")
    return f"{local}@{_ascii_domain(domain) or domain}" if at else lower


def email_fault(address: str) -> str | None:
    """Return why *address* is not one email address that a message can be sent to; None if it is one.

    The result is the rest of a sentence about the address. Blanks at the ends are no fault.
    """
    key = email_key(address)
    plain = key.isascii() and key.isprintable()
    hidden = None if plain else next((each for each in key if each != " " and _is_blank(each)), None)
    if hidden is not None:
        return f"has the invisible character U+{ord(hidden):04X} inside"
    local, at, domain = key.rpartition("@")
    if not at:
        return "has no @"
    if not _LOCAL_PART.fullmatch(local):
        return "has a part before the @ that is not valid"
    return None if _ASCII_DOMAIN.fullmatch(domain) else "has a domain that is not valid"


def to_e164(number: str) -> str | None:
    """Return *number* in E.164 form, or None when it has none: phone_fault says why."""
    return _read_phone(number)[0]


def phone_key(number: str) -> str | None:
    """Return *number* as it is compared, or None: a number without E.164 form identifies no profile."""
    return to_e164(number)


def phone_fault(number: str) -> str | None:
    """Return why *number* has no E.164 form, as the rest of a sentence about it; None if it has one."""
    return _read_phone(number)[1]


def is_power_of_ten(number: str) -> bool:
    """Return whether a spreadsheet made *number* of a phone number: the digits behind the first ones are lost."""
    return _POWER_OF_TEN.fullmatch(number) is not None


@lru_cache(maxsize=65_536)
def _read_phone(number: str) -> tuple[str | None, str | None]:
    """Return the E.164 form of *number* and None, or None and the reason why it has none.

    Guessing a country could merge strangers, and several people share a number that has extensions. The length is
    checked against the country's numbering plan; allocation is not checked, so that reserved and test numbers work.
    """
    if is_power_of_ten(number):
        return None, "was turned into a power of ten by a spreadsheet, which loses digits"
    if any(character.isalpha() and character != _HYPHEN_LETTER for character in number):
        return None, "has letters or an extension"
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException as error:
        no_country = error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
        return None, "has no country code, as +1 or +49" if no_country else "is not a phone number"
    fault = _number_fault(parsed)
    if fault is not None:
        return None, fault
    e164 = _format_e164(parsed)
    # `+44 (0)0…` keeps a zero that the next reading drops.
    is_stable = e164 == number or _format_e164(phonenumbers.parse(e164, None)) == e164
    return (e164, None) if is_stable else (None, "is not a phone number")


def _format_e164(parsed: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _number_fault(parsed: phonenumbers.PhoneNumber) -> str | None:
    if parsed.extension is not None:
        return "has letters or an extension"
    match phonenumbers.is_possible_number_with_reason(parsed):
        case phonenumbers.ValidationResult.IS_POSSIBLE:
            return None
        case phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
            return "can only be dialled locally"
        case _:
            return "has a length that no number of its country has"


def _ascii_domain(domain: str) -> str | None:
    """Return *domain* with A-labels for its Unicode labels, or None when IDNA 2008 refuses it."""
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, strict=True).decode("ascii")
    except UnicodeError:
        return None


def _is_blank(character: str) -> bool:
    """Return whether *character* is a blank, a control or format character, or invisible."""
    return (
        character.isspace()
        or unicodedata.category(character) in {"Cc", "Cf"}
        or _UNSEEN.fullmatch(character) is not None
    )
