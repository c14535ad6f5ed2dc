"""
Why a run came to nothing, in words that its parent can act on.

Holds no text of the API or of a page: either could carry what must not be logged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import anthropic
import httpx2

RETRY_CAP = 3600.0  # seconds; the header may say 136 years
PLACE_WORDS = ("country", "user_location")
SPEND_WORDS = ("usage limit", "spend limit", "credit balance")
CUT_OFF = (httpx2.HTTPError, ValueError)  # a broken body reaches us as it was raised
FINAL = frozenset({"spend-limit", "credentials", "rate-limited", "overloaded"})
ENTRIES = {  # of a batch, by the type of their error
    "authentication_error": "credentials",
    "permission_error": "credentials",
    "billing_error": "spend-limit",
    "rate_limit_error": "rate-limited",
    "overloaded_error": "overloaded",
    "timeout_error": "overloaded",
    "api_error": "overloaded",
    "not_found_error": "other",
    "invalid_request_error": "invalid",
}


class Failed(Exception):
    """
    *reason* is one of refused, overloaded, rate-limited, spend-limit, credentials, cut-off,
    invalid, no-evidence, other, and of a batch also expired, stopped, lost; *retry_after* is in
    seconds, or None; *abroad* tells that the API does not search in our country.
    """

    def __init__(
        self, reason: str, detail: str, retry_after: float | None = None, *, abroad: bool = False
    ) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.retry_after = reason, detail, retry_after
        self.abroad = abroad

    @property
    def concerns_all(self) -> bool:
        """Whether the next request would fare no better."""
        return self.reason in FINAL


def of(error: Exception) -> Failed:
    """What *error* of the SDK means."""
    if isinstance(error, anthropic.APIStatusError):
        return _of_status(error)
    if isinstance(error, anthropic.APIConnectionError):
        return Failed("cut-off", "the connection to the API broke or was never made")
    if isinstance(error, anthropic.AnthropicError):
        return Failed("credentials", f"the API client could not start: {type(error).__name__}")
    if isinstance(error, CUT_OFF):
        return Failed("cut-off", f"the answer of the API broke off: {type(error).__name__}")
    return unforeseen(error)


def of_entry(kind: str, words: str) -> Failed:
    """What an error inside a batch means; it has no status, only a type."""
    reason = ENTRIES.get(kind, "other")
    if reason == "invalid" and _is_about(words, SPEND_WORDS):
        reason = "spend-limit"
    detail = f"the API did not do this entry of the batch: {reason}"
    return Failed(reason, detail, abroad=reason == "invalid" and _is_about(words, PLACE_WORDS))


def unforeseen(error: BaseException) -> Failed:
    """An error of ours: its class and its place, never its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at line {trace.tb_lineno}" if trace else ""
    where = trace.tb_frame.f_globals.get("__name__", "?") if trace else "?"
    return Failed("other", f"{type(error).__name__} in {where}{place}")


def _of_status(error: anthropic.APIStatusError) -> Failed:
    detail = f"the API answered {error.status_code}"
    if is_spend_limit(error):
        return Failed("spend-limit", f"{detail}: the spend limit is reached")
    match error.status_code:
        case 401 | 403:
            return Failed("credentials", f"{detail}: the key is not accepted")
        case 429:
            return Failed("rate-limited", f"{detail}: too many requests", retry_after(error))
        case status if status >= 500 or status == 408:
            return Failed("overloaded", f"{detail}: it cannot serve us now", retry_after(error))
        case 200:  # an error inside a stream
            return Failed("overloaded", "the API broke off its answer", retry_after(error))
        case 404:
            return Failed("other", f"{detail}: it does not know the model")
        case _:
            abroad = error.status_code == 400 and _is_about(_text(error), PLACE_WORDS)
            return Failed("invalid", f"{detail}: it does not take the request", abroad=abroad)


def is_spend_limit(error: anthropic.APIStatusError) -> bool:
    """Told by code, by status, or -- the limit that an owner sets herself -- by words alone."""
    if error.status_code == 402 or error.error_code == "enforced_spend_limit_reached":
        return True
    return error.status_code in {400, 429} and _is_about(_text(error), SPEND_WORDS)


def is_passing(error: Exception, patience: float) -> bool:
    """Whether to ask again soon: never when it might be billed twice or would wait too long."""
    if isinstance(error, anthropic.APIConnectionError):
        return isinstance(error.__cause__, httpx2.ConnectError)
    if not isinstance(error, anthropic.APIStatusError) or is_spend_limit(error):
        return False
    if error.response.headers.get("x-should-retry") == "false":
        return False
    passing = error.status_code in {408, 409, 429} or error.status_code >= 500
    return passing and (retry_after(error) or 0) <= patience


def retry_after(error: anthropic.APIStatusError) -> float | None:
    """Seconds of the header `retry-after`, a number or a date (RFC 9110), at most an hour."""
    told = error.response.headers.get("retry-after", "")
    try:
        seconds = float(told)
    except ValueError:
        seconds = _until(told)
    return min(max(seconds, 0.0), RETRY_CAP) if math.isfinite(seconds) else None


def _until(date: str) -> float:
    try:
        return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return math.nan


def _is_about(words: str, subject: Iterable[str]) -> bool:
    return any(word in words.lower() for word in subject)


def _text(error: anthropic.APIStatusError) -> str:
    return str(error.api_message or error.message)
