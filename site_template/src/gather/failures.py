"""
Why a run came to nothing, in words that its parent can act on.

Holds no text of the API or of a page: either could carry what must not be logged.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import anthropic
import httpx2

RETRY_CAP = 3600.0  # seconds; the header may say 136 years
SPEND_WORDS = ("usage limit", "spend limit", "credit balance")
CUT_OFF = (httpx2.HTTPError, ValueError)  # a broken body reaches us as it was raised
FINAL = frozenset({"spend-limit", "credentials", "rate-limited", "overloaded"})


class Failed(Exception):
    """
    *reason* is one of refused, overloaded, rate-limited, spend-limit, credentials, cut-off,
    invalid, no-evidence, other; *retry_after* is in seconds, or None.
    """

    def __init__(self, reason: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.retry_after = reason, detail, retry_after

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
            return Failed("invalid", f"{detail}: it does not take the request")


def is_spend_limit(error: anthropic.APIStatusError) -> bool:
    """Told by code, by status, or -- the limit that an owner sets herself -- by words alone."""
    if error.status_code == 402 or error.error_code == "enforced_spend_limit_reached":
        return True
    return error.status_code in {400, 429} and any(
        words in _text(error).lower() for words in SPEND_WORDS
    )


def is_about_place(error: BaseException | None) -> bool:
    """Whether the API does not search in our country."""
    if not isinstance(error, anthropic.BadRequestError):
        return False
    return any(word in _text(error).lower() for word in ("country", "user_location"))


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


def _text(error: anthropic.APIStatusError) -> str:
    return str(error.api_message or error.message)
