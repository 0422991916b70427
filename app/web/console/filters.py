"""Filters of lists in the URL. An identifier is in it only encrypted, since it may be an email address.

A form is sent with POST and answered with a redirect to the URL of the filter. The key of the encryption is derived
from the token of the sign-in: the identifier in a link can be read in this sign-in only.
"""

import base64
from collections.abc import Collection, Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from cryptography.fernet import Fernet, InvalidToken
from flask import g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.errors import Rejected
from schemas.paging import MAX_IDENTIFIER

IDENTIFIER = "identifier"
#: The parameter of the URL with the encrypted identifier.
SEALED = "sought"
PURPOSE = b"mergelane console filter\x00"
UNFIT = f"'{{name}}' must have from 1 to {MAX_IDENTIFIER} characters and no NUL among them"
UNREADABLE = (
    "The identifier in this link belongs to another sign-in. Open the list without it and enter the identifier again."
)


def read_filter(names: Collection[str]) -> dict[str, str]:
    """Return the filter in the URL of this request, with its identifier as plain text; empty values do not filter.

    Parameters that are not in *names* stay: the schema of the list refuses them. Raises Rejected for an identifier of
    another sign-in.
    """
    given = {name: text for name, value in request.args.items() if (text := value.strip()) or name not in names}
    if (sealed := given.pop(SEALED, None)) is not None:
        given[IDENTIFIER] = _unseal(sealed)
    return given


def redirect_to_filter(endpoint: str, names: Collection[str], **values: Any) -> ResponseReturnValue:
    """Redirect to *endpoint* with the filter of the form. Raises Rejected for text that no field can have."""
    given = {name: text for name in names if (text := request.form.get(name, "").strip())}
    for name, text in given.items():
        if len(text) > MAX_IDENTIFIER or "\x00" in text:
            raise Rejected(UNFIT.format(name=name))
    return redirect(filter_url(endpoint, given, **values), HTTPStatus.SEE_OTHER)


def filter_url(endpoint: str, filters: Mapping[str, str], **values: Any) -> str:
    """Return the URL of *endpoint* with *filters*."""
    query = {name: value for name, value in filters.items() if value and name != IDENTIFIER}
    if filters.get(IDENTIFIER):
        query[SEALED] = _cipher().encrypt(filters[IDENTIFIER].encode()).decode()
    url = url_for(endpoint, **values)
    return f"{url}?{urlencode(query)}" if query else url


def _unseal(sealed: str) -> str:
    try:
        return _cipher().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Rejected(UNREADABLE) from None


def _cipher() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(sha256(PURPOSE + g.sign_in_token.encode()).digest()))
