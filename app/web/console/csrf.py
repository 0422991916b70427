"""Session cookie of the console, and protection of its forms against cross-site requests.

Scripts cannot read the cookie, and browsers do not send it with cross-site requests except for links. The token of a
form is an HMAC of the cookie's token: nothing is stored for it, and it is invalid with another cookie.
"""

import hmac
from urllib.parse import urlsplit

from flask import Response, g, request

from app.db.transaction import open_transaction
from app.errors import Rejected
from app.keys import sign_ins
from app.keys.secrets import workspace_of_token
from app.keys.sign_ins import SignIn
from app.web.proxies import with_prefix
from app.web.resources import pool, settings

COOKIE = "mergelane-console"
#: The cookie with a route label, and its lifetime in seconds: that of one sign-in.
ROUTE_COOKIE = "mergelane-route"
ROUTE_COOKIE_S = 60
PATH = "/console"
#: Form field, and header of htmx requests, with the form token.
FIELD = "form_token"
HEADER = "X-Form-Token"
PURPOSE = b"mergelane console form"
OTHER_SITE = (
    "This form came from another site. Open the console and send it from there. If a proxy changes the Host header,"
    " make it keep the header as the browser sends it, or send it as X-Forwarded-Host and list the proxy in"
    " MERGELANE_TRUSTED_PROXIES."
)


class CSRFError(Rejected):
    """A form came from another site, or from a page of another session."""

    status = 403


def current_sign_in() -> SignIn | None:
    """Return the session of this request's cookie, or None; one query per request."""
    if "sign_in" not in g:
        token = request.cookies.get(COOKIE, "")
        workspace_id = workspace_of_token(token)
        g.sign_in, g.sign_in_token = None, ""
        if workspace_id is not None:
            with open_transaction(pool(), workspace_id) as tx:
                g.sign_in = sign_ins.find_sign_in(tx, token, peppers=settings().key_pepper)
            g.sign_in_token = token if g.sign_in else ""
    found: SignIn | None = g.sign_in
    return found


def form_token() -> str:
    """Return the form token of this session; "" without one."""
    token: str = g.get("sign_in_token", "")
    return hmac.new(token.encode(), PURPOSE, "sha256").hexdigest() if token else ""


def check_form_token() -> None:
    """Raise CSRFError unless the request has the form token of its session."""
    given = request.headers.get(HEADER) or request.form.get(FIELD, "")
    expected = form_token()
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise CSRFError("This form belongs to another session. Go back, reload the page and send it again.")


def check_origin() -> None:
    """Raise CSRFError for a request that another site caused.

    Browsers report that in `Sec-Fetch-Site`; over plain HTTP, where they omit it, `Origin` is compared with the host.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        ours = site in {"same-origin", "none"}
    else:
        ours = origin is None or urlsplit(origin).netloc == request.host
    if not ours:
        raise CSRFError(OTHER_SITE)


def set_sign_in_cookie(response: Response, token: str) -> None:
    """Set the cookie with *token* for the lifetime of the session."""
    _set_cookie(response, COOKIE, token, seconds=round(settings().console_hours * 3600))


def delete_sign_in_cookie(response: Response) -> None:
    _delete_cookie(response, COOKIE)


def set_route_cookie(response: Response, route_label: str) -> None:
    """Let the balancer send the next request to the cell of *route_label*: the key of a form is not in its headers."""
    _set_cookie(response, ROUTE_COOKIE, route_label, seconds=ROUTE_COOKIE_S)


def delete_route_cookie(response: Response) -> None:
    """Let the balancer route later requests by the session alone."""
    _delete_cookie(response, ROUTE_COOKIE)


def _set_cookie(response: Response, name: str, value: str, *, seconds: int) -> None:
    # With Strict, a link from a chat would open the sign-in page although the user has a session.
    response.set_cookie(
        name, value, max_age=seconds, path=with_prefix(PATH), secure=_over_tls(), httponly=True, samesite="Lax"
    )


def _delete_cookie(response: Response, name: str) -> None:
    response.delete_cookie(name, path=with_prefix(PATH), secure=_over_tls(), httponly=True, samesite="Lax")


def _over_tls() -> bool:
    """Return whether the browser uses TLS, to this server or to a proxy in front of it."""
    origin = request.headers.get("Origin", "")
    return request.is_secure or settings().hsts_s > 0 or origin.startswith("https://")
