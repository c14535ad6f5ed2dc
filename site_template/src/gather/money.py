"""
What a run costs: the prices of the models (October 2026), and the sum over all answers.

The bill is Anthropic's; this is what a budget is kept by, and errs on the dear side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anthropic.types import Usage

MILLION = 1_000_000
SEARCH = 0.01  # dollars each
BATCH = 0.5  # of the price of tokens; searches cost what they cost
LONG = 100_000  # prompt tokens, above which some models are dearer


@dataclass(frozen=True)
class Price:
    """Dollars per million tokens; `write` is for a cache of five minutes."""

    input: float
    output: float
    write: float
    read: float

    def of(self, tokens: Tokens) -> float:
        """One hour of cache costs twice the input."""
        dollars = (
            tokens.input * self.input
            + tokens.output * self.output
            + tokens.write * self.write
            + tokens.write_hour * self.input * 2
            + tokens.read * self.read
        )
        return dollars / MILLION


@dataclass(frozen=True)
class Tokens:
    """Of one answer."""

    input: int = 0
    output: int = 0
    write: int = 0
    write_hour: int = 0
    read: int = 0

    @property
    def prompt(self) -> int:
        return self.input + self.write + self.write_hour + self.read


PRICES = {
    "claude-haiku-5-5": Price(0.10, 0.50, 0.125, 0.01),
    "claude-haiku-4-5": Price(1, 5, 1.25, 0.10),
    "claude-sonnet-5-5": Price(2, 10, 2.50, 0.10),
    "claude-opus-5-5": Price(4, 20, 5, 0.20),
    "claude-fable-5-2": Price(8, 40, 10, 0.80),
    "claude-fable-5-1": Price(10, 50, 12.50, 1),
}
LONG_PRICES = {"claude-haiku-5-5": Price(0.50, 2.50, 0.625, 0.05)}


def cost(model: str, tokens: Tokens, searches: int = 0, share: float = 1) -> float:
    """
    Dollars for one answer of *model*, with its tokens at a *share* of their price.

    Whether the dearer tier looks at each round of the server's loop or at their sum is not
    documented: the sum is taken.
    """
    prices = LONG_PRICES if tokens.prompt > LONG and model in LONG_PRICES else PRICES
    return prices[model].of(tokens) * share + searches * SEARCH


class Tally:
    """What a run has spent so far."""

    def __init__(self, model: str, share: float = 1) -> None:
        self._model, self._share = model, share
        self._answers: list[Tokens] = []
        self._searches = self._fetches = 0
        self._usd = 0.0

    def add(self, usage: Usage) -> None:
        tools = usage.server_tool_use
        searches = tools.web_search_requests if tools else 0
        self._searches += searches
        self._fetches += tools.web_fetch_requests if tools else 0
        tokens = tokens_of(usage)
        self._answers.append(tokens)
        self._usd += cost(self._model, tokens, searches, self._share)

    @property
    def words(self) -> dict[str, Any]:
        return {
            "input_tokens": sum(answer.input for answer in self._answers),
            "output_tokens": sum(answer.output for answer in self._answers),
            "cache_read": sum(answer.read for answer in self._answers),
            "cache_write": sum(answer.write + answer.write_hour for answer in self._answers),
            "searches": self._searches,
            "fetches": self._fetches,
            "calls": len(self._answers),
            "usd": round(self._usd, 6),
        }


def total(sums: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The words of many tallies, added up."""
    found = Counter[str]()
    for words in sums:
        found.update(words)
    return {**Tally("").words, **found, "usd": round(found["usd"], 6)}


def tokens_of(usage: Usage) -> Tokens:
    written = usage.cache_creation_input_tokens or 0
    hour = usage.cache_creation.ephemeral_1h_input_tokens if usage.cache_creation else 0
    return Tokens(
        input=usage.input_tokens,
        output=usage.output_tokens,
        write=max(written - hour, 0),
        write_hour=hour,
        read=usage.cache_read_input_tokens or 0,
    )
