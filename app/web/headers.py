"""Security headers of every response. A header that a view has set itself stays, as on the pages of /docs.

A module of its own since gunicorn's worker, which imports no Flask application, also sends them.
"""

from collections.abc import Mapping

from flask import Flask, Response

from app.config import Settings

#: Responses are for programs: a browser must not run, load, embed, cache or pass on any of them.
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def register_headers(flask: Flask, settings: Settings) -> None:
    headers = {**HEADERS, **_hsts(settings.hsts_s)}

    def protect(response: Response) -> Response:
        # One look at all headers: setdefault() compares each of them for each header.
        own = {name.lower() for name, _ in response.headers}
        for name, value in headers.items():
            if name.lower() not in own:
                response.headers.add(name, value)
        return response

    flask.after_request(protect)


def _hsts(seconds: int) -> dict[str, str]:
    """Return Strict-Transport-Security, if MERGELANE_HSTS_S is set."""
    return {"Strict-Transport-Security": f"max-age={seconds}; includeSubDomains"} if seconds else {}
