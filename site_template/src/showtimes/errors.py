"""
Pages for what went wrong, in the visitor's language.
"""

from __future__ import annotations

import logging

from flask import Flask, render_template, request
from flask_babel import gettext
from pymongo.errors import PyMongoError
from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)

RETRY_SECONDS = 5
Answer = tuple[str, int, dict[str, str]]


def init_app(app: Flask) -> None:
    app.register_error_handler(404, not_found)
    app.register_error_handler(500, broken)
    app.register_error_handler(PyMongoError, database_away)
    app.register_error_handler(HTTPException, refused)


def not_found(_error: Exception) -> Answer:
    return page(
        404,
        gettext("This page is not on the programme"),
        gettext("The address may be mistyped, or the city is one that we do not know yet."),
    )


def broken(_error: Exception) -> Answer:
    return page(
        500,
        gettext("The projector has jammed"),
        gettext("Something went wrong on our side. It is noted, and we will look into it."),
    )


def database_away(error: PyMongoError) -> Answer:
    log.error("the database failed: %s: %s", type(error).__name__, str(error)[:300])
    return page(
        503,
        gettext("A short intermission"),
        gettext("The showtimes cannot be reached right now. Please try again in a moment."),
        {"Retry-After": str(RETRY_SECONDS)},
    )


def refused(error: HTTPException) -> Answer:
    if error.code is None or error.code < 400:
        return error  # type: ignore[return-value]
    return page(
        error.code,
        gettext("That did not work"),
        gettext("The browser asked for something that this page cannot do."),
        {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}},
    )


def page(code: int, title: str, words: str, headers: dict[str, str] | None = None) -> Answer:
    reference = request.environ.get("cinestream.request_id", "") if code >= 500 else ""
    html = render_template("error.html", code=code, title=title, words=words, reference=reference)
    return html, code, headers or {}
