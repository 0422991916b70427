"""Placeholders: values that clients send when they have no identifier, so that unrelated people share them.

`is_placeholder` decides for every endpoint, for merges and for duplicate runs.
"""

import re
from collections.abc import Collection

import phonenumbers
from marshmallow import ValidationError

from schemas.addresses import is_power_of_ten
from schemas.identifiers import (
    BrazeId,
    DeviceId,
    Email,
    ExternalId,
    Member,
    Phone,
    Recorded,
    Target,
    UserAlias,
    to_e164,
)
from schemas.placeholder_list import DEFAULT_VALUES

#: An entry of the list that stands for the default list.
DEFAULT = "{default}"
#: An entry of the list that stands for patterns: unrendered templates, rounded numbers, repeated placeholders and
#: telephone numbers of one digit.
PATTERNS = "{patterns}"
#: The default list.
DEFAULT_PLACEHOLDERS = frozenset({*DEFAULT_VALUES, PATTERNS})

#: The rest of the sentence about a placeholder.
PLACEHOLDER = "is a placeholder that unrelated people share; send a real value"
#: Words for no value. Two of them, or one at a domain that is one, are as empty as one.
EMPTY_WORDS = frozenset({"null", "undefined", "none", "nan", "nil", "unknown", "anonymous"})
EMPTY_BEGINNINGS = tuple(EMPTY_WORDS)
#: Quotes, typographic ones too, and the blank: what may be around a value.
AROUND = " \"'`´“”„‘’‚«»"  # noqa: RUF001
#: Zero as a program prints it: 0, -0, 0.0, 000, 0e0.
ZERO = re.compile(r"[+-]?(?:0+(?:[.,]0*)?|[.,]0+)(?:e[+-]?\d+)?", re.ASCII)
REPEATED_SIGN = re.compile(r"([!-/:-@\[-`{-~–—])\1+")  # noqa: RUF001  dashes
OPENING = ("(", "<", "[", "{")
BRACKETS = re.compile(r"\((.*)\)|<(.*)>|\[(.*)\]|\{(.*)\}", re.DOTALL)
#: Every template has at least one of these characters.
TEMPLATE_MARKS = frozenset("{%<[*_")
#: A part of a value that is a template of a mail or web tool which nothing has filled in.
TEMPLATE_PART = re.compile(
    r"""\{\{.{0,100}?\}\}|\{%.{0,100}?%\}     # Liquid, Handlebars, Jinja
      |[$\#]\{.{0,100}?\}                     # JavaScript, shell, Java; Ruby
      |<%.{0,100}?%>|<\?=.{0,100}?\?>         # ERB, EJS, JSP; PHP
      |%%[^\W\d][\w .-]{0,100}%%              # Salesforce
      |\[\[.{0,100}?\]\]                      # Thymeleaf
      |\*\|[A-Z_:]{1,100}\|\*                 # Mailchimp
      |%\([a-z_]{1,100}\)s                    # Python
      |%7b%7b.{0,100}?%7d%7d|\$%7b.{0,100}?%7d  # of a URL
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
#: A whole value that is the name of a variable in the marks of a template. Names with digits may be ids.
TEMPLATE = re.compile(
    r"""\{(?:[^\W\d]+(?:\.[^\W\d]+)*|\d)\}    # Python, .NET, Java
      |<[^\W\d]+(?:[ .-][^\W\d]+)*>           # as documents write it
      |%[^\W\d]+%                             # Windows, ad servers
      |__[^\W\d]+__                           # ad servers
    """,
    re.VERBOSE,
)
#: What a spreadsheet makes of a long number; all numbers with the same first digits become the same.
ROUNDED_NUMBER = re.compile(r"\d(?:[.,]\d+)?e\+\d{2}", re.ASCII)
REPEATED_WORD = re.compile(r"(?:null|undefined){2,}")
SEPARATORS = re.compile(r"[\s|,;:/_.+-]+")


def is_placeholder(identifier: Target | Recorded, refused: Collection[str]) -> bool:
    """Return whether *identifier* is among *refused*: entries as `comparable` returns them, and PATTERNS.

    The name decides about an alias: people may share a label. An entry that begins with `external_id:` applies to
    external_ids only.
    """
    match identifier:
        case BrazeId():
            return False
        case Member(_, address):
            return is_placeholder(address, refused)
        case Email():
            return _is_placeholder(identifier.value, refused) or _is_shared_email(identifier, refused)
        case Phone(value):
            # A number that a spreadsheet rounded has a reason of its own: schemas.addresses.phone_fault.
            is_empty = not is_power_of_ten(value) and _is_placeholder(value, refused)
            return is_empty or (PATTERNS in refused and _has_one_digit(value))
        case ExternalId(value):
            return _is_placeholder(value, refused) or f"external_id:{comparable(value)}" in refused
        case UserAlias(_, value) | DeviceId(value):
            return _is_placeholder(value, refused)


def check_real(identifier: Target, refused: Collection[str], *, name: str) -> None:
    """Raise ValidationError when *identifier*, sent as the member *name*, is a placeholder."""
    if is_placeholder(identifier, refused):
        raise ValidationError(f"'{name}' {PLACEHOLDER}")


def comparable(text: str) -> str:
    """Return *text* as placeholders compare: case-folded, without quotes, blanks and invisible characters around it.

    Every form of zero is `0`; a repeated sign is one sign. The time is linear, since clients send these texts.
    """
    if not text.isprintable():
        text = "".join(each if each.isprintable() else " " for each in text)
    if "\\" in text:
        text = text.replace('\\"', '"').replace("\\'", "'")
    folded = text.strip(AROUND).casefold()
    if ZERO.fullmatch(folded):
        return "0"
    repeated = REPEATED_SIGN.fullmatch(folded)
    return folded if repeated is None else repeated[1]


def _is_placeholder(value: str, refused: Collection[str]) -> bool:
    text = comparable(value)
    if text in refused:
        return True
    inner = BRACKETS.fullmatch(text) if text.startswith(OPENING) else None
    if inner is not None and any(part and comparable(part) in refused for part in inner.groups()):
        return True
    return PATTERNS in refused and (_is_template(value, text) or _repeats_a_placeholder(text, refused))


def _is_template(value: str, text: str) -> bool:
    if not TEMPLATE_MARKS.isdisjoint(value) and (TEMPLATE_PART.search(value) or TEMPLATE.fullmatch(text)):
        return True
    return "e+" in text and ROUNDED_NUMBER.fullmatch(text) is not None


def _repeats_a_placeholder(text: str, refused: Collection[str]) -> bool:
    """Return whether *text* consists of words for no value, such as the full name `undefined undefined`."""
    if not text.startswith(EMPTY_BEGINNINGS):
        return False
    if REPEATED_WORD.fullmatch(text):
        return True
    words = [word for word in SEPARATORS.split(text) if word]
    return len(words) > 1 and all(word in EMPTY_WORDS and word in refused for word in words)


def _is_shared_email(email: Email, refused: Collection[str]) -> bool:
    """Return whether the address is a placeholder at a domain that is one, or one that people type for none."""
    local, at, domain = email.key.rpartition("@")
    if not at:
        return False
    if f"{local}@" in refused or email.key in refused:
        return True
    return local in EMPTY_WORDS and local in refused and domain.partition(".")[0] in EMPTY_WORDS


def _has_one_digit(number: str) -> bool:
    """Return whether *number* repeats one digit behind its country code, and is in no range that a country assigns.

    A person may have `+65 6666 6666`, but not `+1 111 111 1111`.
    """
    e164 = to_e164(number)
    # A country code has at most three digits. Only numbers that end in one digit are parsed, which takes long.
    if e164 is None or len(set(e164[4:])) != 1:
        return False
    parsed = phonenumbers.parse(e164, None)
    national = phonenumbers.national_significant_number(parsed)
    return len(set(national)) == 1 and not phonenumbers.is_valid_number(parsed)
