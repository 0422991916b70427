"""Security headers on every answer: what a browser, a proxy or a cache may do with it, which is as little as possible.

A view that needs more says so itself, as the pages of /docs do: what it has set stays.
"""

from collections.abc import Mapping

from flask import Flask, Response

from app.config import Settings

#: Answers are for programs. A browser that is led to one is to run, load, embed, keep and pass on nothing of it.
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def register(flask: Flask, settings: Settings) -> None:
    """Give every answer of *flask* the headers."""
    headers = {**HEADERS, **_insistence(settings.hsts_s)}

    def protect(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    flask.after_request(protect)


def _insistence(seconds: int) -> dict[str, str]:
    """Return the header by which browsers are told to insist on TLS; none unless somebody says that TLS is there."""
    return {"Strict-Transport-Security": f"max-age={seconds}; includeSubDomains"} if seconds else {}
