"""The cookie that a browser holds instead of the key, and the token that its forms carry back.

The cookie is out of reach of scripts and of requests that other sites make, but for following a link. A form's token is
made of the cookie's, so that nothing has to be stored for it, and is of no use with another cookie.
"""

import hmac
from urllib.parse import urlsplit

from flask import Response, g, request

from app.db.transaction import open_transaction
from app.errors import Rejected
from app.keys import sign_ins
from app.keys.sign_ins import SignIn
from app.web.resources import pool, settings

COOKIE = "mergelane-console"
PATH = "/console"
#: The field of a form, and the header of a request that htmx makes, that carry the form's token.
FIELD = "form_token"
HEADER = "X-Form-Token"
PURPOSE = b"mergelane console form"


class CSRFError(Rejected):
    """A form was sent by no page of this console, or by one that was opened under another sign-in."""

    status = 403


def current_sign_in() -> SignIn | None:
    """Return the sign-in that this request's cookie stands for, or None; it is looked up once in a request."""
    if "sign_in" not in g:
        token = request.cookies.get(COOKIE, "")
        workspace_id = sign_ins.workspace_of(token)
        g.sign_in, g.sign_in_token = None, ""
        if workspace_id is not None:
            with open_transaction(pool(), workspace_id) as tx:
                g.sign_in = sign_ins.find(tx, token, peppers=settings().key_pepper)
            g.sign_in_token = token if g.sign_in else ""
    found: SignIn | None = g.sign_in
    return found


def form_token() -> str:
    """Return the token that the forms of this request's pages carry; "" for whoever is not signed in."""
    token: str = g.get("sign_in_token", "")
    return hmac.new(token.encode(), PURPOSE, "sha256").hexdigest() if token else ""


def check_form_token() -> None:
    """Raise Forged unless the request carries the token of a form of its own sign-in."""
    given = request.headers.get(HEADER) or request.form.get(FIELD, "")
    expected = form_token()
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise CSRFError(
            "The form was opened under another sign-in; go back, load the page again and send it once more."
        )


def check_origin() -> None:
    """Raise Forged when the browser says that another site had it send this request.

    `Sec-Fetch-Site` says so itself. Browsers that do not send it, as over plain HTTP, name the page's host in `Origin`.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        ours = site in {"same-origin", "none"}
    else:
        ours = origin is None or urlsplit(origin).netloc == request.host
    if not ours:
        raise CSRFError("Another site sent this form; open the console itself and send it from there.")


def set_sign_in_cookie(response: Response, token: str) -> None:
    """Have the browser hold *token* for as long as the sign-in lasts."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=round(settings().console_hours * 3600),
        path=PATH,
        secure=_over_tls(),
        httponly=True,
        # With Strict, a link to a job in a chat would lead to the sign-in page of somebody who is signed in.
        samesite="Lax",
    )


def delete_sign_in_cookie(response: Response) -> None:
    """Have the browser forget its token."""
    response.delete_cookie(COOKIE, path=PATH, secure=_over_tls(), httponly=True, samesite="Lax")


def _over_tls() -> bool:
    """Return whether the browser speaks TLS, be it to us or to what stands before us."""
    origin = request.headers.get("Origin", "")
    return request.is_secure or settings().hsts_s > 0 or origin.startswith("https://")
