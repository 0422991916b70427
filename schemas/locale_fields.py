"""Fields for the country, the language and the time zone of a person, converted to the codes of the standards."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError

from schemas.countries import country_code
from schemas.fields import Text
from schemas.languages import LANGUAGES
from schemas.lenient import StoredAsNull
from schemas.time_zones import time_zone_name

#: A language code, and perhaps a script, a region and variants, in lower case: `en`, `pt-br`, `zh_hant_tw`.
LANGUAGE_TAG = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{2,8})*")


class CountryText(Text):
    """A country, loaded as its code of ISO 3166-1 alpha-2. As at the vendor, an unknown one is stored as null."""

    json_schema: Mapping[str, Any] = {
        "description": "A code of ISO 3166-1 (alpha-2 or alpha-3) or the English name of a country. An unknown one is"
        " stored as null, with a warning.",
    }

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        code = country_code(super()._deserialize(value, *args, **kwargs))
        if code is None:
            raise StoredAsNull("must be a code of ISO 3166-1 or the English name of a country")
        return code


class LanguageText(Text):
    """A language, loaded as its code of ISO 639-1 in lower case, without a region or script: `en` for `en-US`."""

    json_schema: Mapping[str, Any] = {
        "description": "A code of ISO 639-1. A region or a script behind it is cut off: en-US is stored as en."
    }

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, *args, **kwargs)
        tag = LANGUAGE_TAG.fullmatch(text.strip().lower())
        if tag is None or tag[1] not in LANGUAGES:
            raise ValidationError("must be a language code of ISO 639-1, such as en")
        return tag[1]


class TimeZoneText(Text):
    """A time zone, loaded as its name in the IANA database."""

    json_schema: Mapping[str, Any] = {
        "description": "A name of the IANA time zone database or of Rails, in any case; stored as the name of IANA."
    }

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        name = time_zone_name(super()._deserialize(value, *args, **kwargs))
        if name is None:
            raise ValidationError("must be a name of the IANA time zone database or of Rails")
        return name
