"""The default list of placeholders: what programs write where they have no identifier.

Each of these values has made one profile of thousands of people somewhere. `docs/configuration.md` names them all.
"""

import hashlib

SPREADSHEETS = (
    *("#n/a", "#na", "#null!", "#div/0!", "#ref!", "#value!", "#name?", "#num!", "#error!", "#spill!", "#calc!"),
    *("#getting_data", "#field!", "#blocked!", "#connect!", "#unknown!", "#busy!", "#external!", "#data!"),
    # German, French, Spanish, Italian and Portuguese editions.
    *("#nv", "#bezug!", "#wert!", "#zahl!", "#überlauf!", "#valeur!", "#nom?", "#nombre!", "#nul!"),
    *("#¡ref!", "#¡valor!", "#¿nombre?", "#¡num!", "#¡nulo!", "#¡div/0!"),
    *("#rif!", "#valore!", "#nome?", "#n/d", "#valor!", "#núm!"),
)
DATABASES = ("null", "nil", "\\n", "\\\\n", "n/a", "n.a.", "na", "not set", "not_set", "not provided", "not_provided")
JAVASCRIPT = ("undefined", "nan", "[object object]", "[object undefined]", "[object null]", "[]", "{}")
PYTHON = ("none", "<na>", "pd.na")
TRACKERS = (
    *("anonymous", "anonymous user", "anonymous_user", "anonymoususer", "anon"),
    *("unknown", "unknown user", "unknown_user", "unknownuser"),
    *("not_authenticated", "not authenticated", "notauthenticated", "unauthenticated"),
    *("not_logged_in", "not logged in", "notloggedin", "logged_out", "logged out"),
    *("no value", "no_value", "no data", "no_data", "no user", "no_user", "(blank)", "(empty)"),
)
#: Words that are no identifier of a person, but may be the name of an alias.
EXTERNAL_IDS_ONLY = (
    *("external_id:true", "external_id:false", "external_id:visitor", "external_id:unidentified"),
    *("external_id:guest", "external_id:guest user", "external_id:guest_user", "external_id:guestuser"),
)
#: Names of columns and fields, where a header line or a variable was taken for a value.
NAMES = ("external_id", "user_id", "userid", "customer_id", "alias_name")
DEVICES = (
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "ffffffffffffffffffffffffffffffff",
    # The ANDROID_ID of a whole series of telephones.
    "9774d56d682e549c",
    "00:00:00:00:00:00",
    "02:00:00:00:00:00",
)
#: All forms of zero compare as `0`, and a repeated sign as one: `---` as `-`.
NUMBERS_AND_SIGNS = ("0", "-1", "-1.0", "", "-", ".", "+", "?", "*", "_", "#", "/", "\\", "–", "—")  # noqa: RUF001  dashes
EMAILS = (
    # A name before any domain.
    *("noemail@", "no-email@", "no.email@", "no_email@", "nomail@", "no-mail@", "donotemail@"),
    # No one has a mailbox at example.com.
    *("null@example.com", "undefined@example.com", "none@example.com", "nan@example.com"),
    # For a name that is a placeholder, at a domain that is one: null@null.com.
    "na@na.com",
)


def _digests(text: str) -> tuple[str, ...]:
    """Return the digests of *text* by which clients hash identifiers; they hash empty ones too."""
    data = text.encode()
    return (
        hashlib.md5(data, usedforsecurity=False).hexdigest(),
        hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        hashlib.sha256(data).hexdigest(),
    )


DIGESTS = tuple(digest for text in ("", "null", "undefined", "None") for digest in _digests(text))

#: As they compare, see `schemas.placeholders.comparable`.
DEFAULT_VALUES = (
    *NUMBERS_AND_SIGNS,
    *DATABASES,
    *JAVASCRIPT,
    *PYTHON,
    *SPREADSHEETS,
    *TRACKERS,
    *EXTERNAL_IDS_ONLY,
    *NAMES,
    *DEVICES,
    *EMAILS,
    *DIGESTS,
)
