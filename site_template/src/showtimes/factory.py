"""
Puts the web application together; everything it is made of lives elsewhere.
"""

from __future__ import annotations

from flask import Flask
from flask_babel import Babel
from werkzeug.middleware.proxy_fix import ProxyFix

from showtimes import assets, errors, languages, security
from showtimes.database import NAME, Store
from showtimes.pages import pages
from showtimes.settings import Settings

FORM_BYTES = 64 * 1024


def create_app(settings: Settings) -> Flask:
    app = Flask("showtimes")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=FORM_BYTES,
        SESSION_COOKIE_NAME="cinestream",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        # Whether visitors may ask for a new look at the cinemas: nobody answers them at `/api` yet.
        LOOKS=False,
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.session_interface = security.Sessions()
    app.extensions[NAME] = Store(settings.mongodb_uri, settings.mongodb_database)
    Babel(app, locale_selector=languages.locale)
    for part in (languages, assets, security, errors):
        part.init_app(app)
    app.register_blueprint(pages)
    # Only nginx, on this machine, can reach the port; it writes these headers anew for each
    # request.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    return app
