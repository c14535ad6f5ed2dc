"""
Puts the web application together; everything it is made of lives elsewhere.
"""

from __future__ import annotations

from flask import Flask
from flask_babel import Babel

from showtimes import assets, caches, errors, languages, metrics, runs, security
from showtimes.api import api
from showtimes.database import NAME, Store
from showtimes.pages import pages
from showtimes.robots import robots
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
        # Whether visitors are offered a new look at the cinemas.
        LOOKS=bool(settings.anthropic_api_key),
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.session_interface = security.Sessions()
    store = app.extensions[NAME] = Store(settings.mongodb_uri, settings.mongodb_database)
    app.extensions[runs.NAME] = runs.Runner(store, settings)
    Babel(app, locale_selector=languages.locale)
    for part in (languages, assets, caches, security, errors, metrics):
        part.init_app(app)
    app.register_blueprint(pages)
    app.register_blueprint(robots)
    app.register_blueprint(api)
    return app
