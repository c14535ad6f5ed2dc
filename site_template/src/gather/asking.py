"""
One request to Claude at a time, asked again a bounded number of times, and paid for in the tally.

It waits seconds, never the hours that a `retry-after` may name: those are for the parent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import anthropic
from anthropic.types import Message

from gather import failures
from gather.failures import Failed
from gather.money import Tally

RETRIES = 2
PATIENCE = 5.0  # seconds to wait before asking again
SECONDS = 300.0  # between two bytes of an answer, which comes when all its searches are done
T = TypeVar("T")
KNOWN_STOPS = frozenset(
    {"end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal"}
    | {"model_context_window_exceeded"}
)


def client(environ: Mapping[str, str]) -> anthropic.Anthropic:
    """Takes the key by hand: without one, the SDK would look for it in files."""
    key = environ.get("ANTHROPIC_API_KEY", "")
    if not key:
        raise Failed("credentials", "there is no ANTHROPIC_API_KEY in the environment")
    return anthropic.Anthropic(
        api_key=key,
        base_url=environ.get("ANTHROPIC_BASE_URL") or None,
        max_retries=0,
        timeout=anthropic.Timeout(SECONDS, connect=5),
    )


class Line:
    """The way to Claude; every answer is added to *tally*."""

    def __init__(self, claude: anthropic.Anthropic, tally: Tally) -> None:
        self._claude = claude
        self.tally = tally

    def ask(self, request: dict[str, Any]) -> Message:
        """An answer that stopped for a known reason other than refusal; raises `Failed`."""
        return taken(patiently(lambda: self._claude.messages.create(**request)), self.tally)


def taken(answer: Message, tally: Tally) -> Message:
    """*answer*, when it is one, and paid for; raises `Failed`."""
    # What is not JSON by its header reaches us as text.
    if getattr(answer, "stop_reason", None) not in KNOWN_STOPS:
        raise Failed("cut-off", "the answer of the API has no end")
    tally.add(answer.usage)
    if answer.stop_reason == "refusal":
        raise Failed("refused", "the model refused the request")
    return answer


def patiently(call: Callable[[], T]) -> T:
    """What *call* to the API gives, in a bounded number of tries; raises `Failed`."""
    for tries in range(RETRIES + 1):
        try:
            return call()
        except (anthropic.AnthropicError, *failures.CUT_OFF) as error:
            if tries == RETRIES or not failures.is_passing(error, PATIENCE):
                raise failures.of(error) from error
            time.sleep(_pause(error, tries))
    raise AssertionError


def _pause(error: Exception, tries: int) -> float:
    told = failures.retry_after(error) if isinstance(error, anthropic.APIStatusError) else None
    return 0.25 * 4**tries if told is None else told


def text_of(answer: Message) -> str:
    """Its text blocks, joined; thinking may stand before, between and after them."""
    return "".join(block.text for block in answer.content if block.type == "text")
