"""Search keys of jobs: the values by which operators find a job, and how a search finds them."""

from collections.abc import Iterator
from itertools import product

from app.merging.profile import Profile
from schemas.identifiers import Recorded, UserAlias, email_key, phone_key, sharing_key

#: Begins a key that the request did not contain: an alias or address that the orphan had when it was merged. No
#: identifier begins with this control character, so an erasure can select these keys.
HELD = "\x1f"
#: Begins the key of an address in its comparable form. An alias compares exactly.
HELD_ADDRESS = HELD * 2
#: Blanks of a value up to which a search tries every combination of blanks and plus signs.
MAX_COMBINED = 4


def plus_forms(text: str) -> Iterator[str]:
    """Yield *text*, and then *text* with blanks replaced by plus signs.

    A query string means a blank by `+`. A client that does not encode the plus sign of an email address or a phone
    number sends a blank.
    """
    parts = text.split(" ")
    if len(parts) - 1 <= MAX_COMBINED:
        for signs in product(" +", repeat=len(parts) - 1):
            yield parts[0] + "".join(sign + part for sign, part in zip(signs, parts[1:], strict=True))
    else:
        yield text
        if text.startswith(" "):
            yield f"+{text[1:]}"
        yield text.replace(" ", "+")


def held_keys(profile: Profile, *, named: Recorded) -> list[str]:
    """Return the search keys of the aliases and addresses of *profile*, except for the one that *named* contains.

    The job that merges *profile* away, or identifies it, gets them: no other row that a search can use has them.
    """
    known = sharing_key(named)
    keys = [
        f"{HELD}{name}"
        for label, name in profile.user_aliases.items()
        if sharing_key(UserAlias(label=label, name=name)) != known
    ]
    if profile.email is not None and ("email", profile.email.key) != known:
        keys.append(f"{HELD_ADDRESS}{profile.email.key}")
    if profile.phone is not None:
        key = phone_key(profile.phone.number) or profile.phone.number
        keys += [f"{HELD_ADDRESS}{key}"] if ("phone", key) != known else []
    return list(dict.fromkeys(keys))


def search_parameters(text: str | None) -> dict[str, list[str] | None]:
    """Return the parameters of a query that finds jobs by the plain value *text*; all are None without one.

    `identifiers` are the values that the text may stand for. Of the search keys, `exact_keys` always match, and
    `email_keys` and `phone_keys` match jobs whose request names an email or a phone. `search_keys` are all of them.
    """
    if text is None:
        return dict.fromkeys(("identifiers", "exact_keys", "email_keys", "phone_keys", "search_keys"))
    identifiers = list(dict.fromkeys(plus_forms(text)))
    email_keys = list(map(email_key, identifiers))
    phone_keys = [key for each in identifiers if (key := phone_key(each))]
    exact_keys = [
        *identifiers,
        *(f"{HELD}{each}" for each in identifiers),
        *(f"{HELD_ADDRESS}{each}" for each in (*identifiers, *email_keys, *phone_keys)),
    ]
    return {
        "identifiers": identifiers,
        "exact_keys": exact_keys,
        "email_keys": email_keys,
        "phone_keys": phone_keys,
        "search_keys": [*exact_keys, *email_keys, *phone_keys],
    }
