"""Fields of identifiers in requests: external_ids, aliases, addresses and braze_ids."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError

from schemas.addresses import INVALID_EMAIL, email_fault, is_power_of_ten, trim_email
from schemas.fields import Bytes, Text, digits_of_whole, truth_in
from schemas.hidden_characters import hidden_character
from schemas.identifiers import MAX_ALIAS_BYTES, MAX_EXTERNAL_ID_BYTES

#: Maximum characters of an email address.
MAX_EMAIL = 320
#: A predicate of a phone number like `4.47912E+11`.
SPREADSHEET_PHONE = (
    "was turned into a power of ten by a spreadsheet, which loses digits; format the column as text and export it again"
)
BRAZE_ID = re.compile(r"[0-9a-f]{24}")


class IdentifierText(Bytes):
    """An external_id, or a part of an alias. It is compared exactly, so it may have no invisible character.

    A *stored* one is looked up and not written: values from before this rule can still be read, deleted and renamed.
    """

    def __init__(self, *, most: int, stored: bool = False, **options: Any) -> None:
        checks = [] if stored else [_check_visible]
        super().__init__(most=most, validate=checks, **options)


class ExternalIdText(IdentifierText):
    """An external_id. A whole number becomes its digits, as at the vendor."""

    json_schema: Mapping[str, Any] = {
        "type": ["string", "integer"],
        "description": f"At most {MAX_EXTERNAL_ID_BYTES} bytes in UTF-8. A whole number becomes its digits.",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(most=MAX_EXTERNAL_ID_BYTES, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text: str = super()._deserialize(digits_of_whole(value), attr, data, **kwargs)
        return text


class AliasText(IdentifierText):
    """The label or the name of an alias."""

    json_schema: Mapping[str, Any] = {"description": f"At most {MAX_ALIAS_BYTES} bytes in UTF-8; compared exactly."}

    def __init__(self, **options: Any) -> None:
        super().__init__(most=MAX_ALIAS_BYTES, **options)


class EmailText(Text):
    """An email address, stored as sent except for blanks and invisible characters at its ends."""

    json_schema: Mapping[str, Any] = {
        "description": "One address. Compared trimmed, in Unicode form NFC and lower case, a Unicode domain in the form"
        " of IDNA 2008. Not case-folded: `weiß@x.org` and `weiss@x.org` differ."
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(most=MAX_EMAIL, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        # An encrypted address need not look like one.
        text = trim_email(super()._deserialize(value if isinstance(value, str) else "", attr, data, **kwargs))
        encrypted = data is not None and truth_in(data.get("email_encrypted")) is True
        if not text or (not encrypted and email_fault(text) is not None):
            raise ValidationError(INVALID_EMAIL)
        return text


class PhoneText(Text):
    """A phone number, stored as sent."""

    json_schema: Mapping[str, Any] = {
        "description": "Compared in E.164 form. A number without one identifies no profile: it has no country code, has"
        " an extension, can only be dialled locally, or has a length that its country does not have. Beside another"
        " identifier it is stored as sent."
    }

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if is_power_of_ten(text):
            raise ValidationError(SPREADSHEET_PHONE)
        return text


class BrazeIdText(Text):
    """A braze_id: 24 hexadecimal digits."""

    json_schema: Mapping[str, Any] = {"pattern": "^[0-9A-Fa-f]{24}$"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs).lower()
        if not BRAZE_ID.fullmatch(text):
            raise ValidationError("must be 24 hexadecimal digits")
        return text


def _check_visible(text: str) -> None:
    """Raise ValidationError that names the first control or format character of *text*."""
    character = hidden_character(text)
    if character is not None:
        raise ValidationError(f"contains the control or format character {character}; remove it")
