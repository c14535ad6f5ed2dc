"""
What went wrong, for programs: problem details (RFC 9457), with sentences in the visitor's language.

A browser that posted a form is a person, and gets the same as a page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus

from flask import Blueprint, Response, current_app, json, request
from flask_babel import gettext
from pymongo.errors import PyMongoError
from werkzeug.exceptions import BadRequest, HTTPException, NotFound

from showtimes import errors

log = logging.getLogger(__name__)

TYPE = "application/problem+json"
KEPT = {"Allow", "Retry-After"}


@dataclass(frozen=True)
class Fault:
    """What is wrong with one parameter."""

    parameter: str
    message: str


class Faulty(BadRequest):
    """A request with everything that is wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        super().__init__()
        self.faults = tuple(faults)


def add_to(api: Blueprint) -> None:
    """Let every error under the prefix of *api* be told as a problem, also where no route is."""
    api.before_app_request(unrouted(f"{api.url_prefix}"))
    api.register_error_handler(PyMongoError, database_away)
    # Those by their codes as well: the application's own would go before one for all.
    for error in (404, 500, HTTPException):
        api.register_error_handler(error, refused)


def unrouted(prefix: str) -> Callable[[], Response | None]:
    """Flask gives an address that leads nowhere to no blueprint, hence this."""

    def tell() -> Response | None:
        # The prefix alone could be taken for a city.
        error = NotFound() if request.path == prefix else request.routing_exception
        if error is None or error.code is None or error.code < 400:
            return None
        return refused(error) if f"{request.path}/".startswith(f"{prefix}/") else None

    return tell


def database_away(error: PyMongoError) -> Response:
    log.error("the database failed: %s: %s", type(error).__name__, str(error)[:300])
    return problem(503, headers={"Retry-After": str(errors.RETRY_SECONDS)})


def refused(error: HTTPException) -> Response:
    headers = {name: value for name, value in error.get_headers() if name in KEPT}
    faults = error.faults if isinstance(error, Faulty) else ()
    return problem(error.code or 500, faults=faults, headers=headers)


def problem(
    status: int,
    detail: str = "",
    *,
    reason: str = "",
    faults: Iterable[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """*reason* is one word for programs; *detail* a sentence for people, the usual one if empty."""
    detail = detail or sentence(status)
    if for_a_person():
        title = gettext("That did not work")
        return current_app.make_response(errors.page(status, title, detail, dict(headers or {})))
    reference = request.environ.get("cinestream.request_id", "") if status >= 500 else ""
    words = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "reason": reason,
        "reference": reference,
        "faults": [asdict(fault) for fault in faults],
    }
    told = {name: word for name, word in words.items() if word}
    return Response(json.dumps(told), status, headers, content_type=TYPE)


def for_a_person() -> bool:
    """Whether the answer is for somebody who looks at a browser, and pressed a button there."""
    if request.method != "POST":
        return False
    best = request.accept_mimetypes.best_match(["application/json", TYPE, "text/html"])
    return best == "text/html"


def sentence(status: int) -> str:
    """What is said of *status* where there is nothing more to say."""
    sentences = {
        400: gettext("Some of what was asked for is not understood."),
        404: gettext("The address may be mistyped, or the city is one that we do not know yet."),
        413: gettext("That is more than is taken in here."),
        415: gettext("Please send a form, or its fields as %(format)s.", format="JSON"),
        500: gettext("Something went wrong on our side. It is noted, and we will look into it."),
        503: gettext("The showtimes cannot be reached right now. Please try again in a moment."),
    }
    otherwise = gettext("The browser asked for something that this page cannot do.")
    return str(sentences.get(status, otherwise))
