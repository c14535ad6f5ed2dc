"""
What every answer tells the browser to refuse, and how the session's cookie is kept.
"""

from __future__ import annotations

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

# HSTS is nginx's to say, which knows whether there is a certificate.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; "
        "script-src 'self'; "
        "style-src 'self'; "
        "img-src 'self'; "
        "font-src 'self'; "
        "connect-src 'self'; "
        "manifest-src 'self'; "
        "form-action 'self'; "
        "base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(self), microphone=(), payment=()",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cache-Control": "private, no-cache",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Sessions(SecureCookieSessionInterface):
    """
    Flask's signed cookie, `Secure` whenever the page itself came over TLS.

    What signs it is made once, and not for every request.
    """

    def __init__(self) -> None:
        self._signing: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        if self._signing is None:
            self._signing = super().get_signing_serializer(app)
        return self._signing

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 -- Flask's signature
        return request.is_secure


def init_app(app: Flask) -> None:
    app.after_request(harden)


def harden(response: Response) -> Response:
    there = set(response.headers.keys(lower=True))
    for name, value in HEADERS.items():
        if name.lower() not in there:
            response.headers.add(name, value)
    return response
