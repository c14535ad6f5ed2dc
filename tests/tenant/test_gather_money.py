"""
Claims about what a run is said to cost, and about the words that rows are known by.
"""

from __future__ import annotations

import pytest
from gather.money import BATCH, Tokens, cost
from gather.slugs import slug

pytestmark = pytest.mark.tenant


@pytest.mark.parametrize(
    ("model", "tokens", "searches", "dollars"),
    [
        ("claude-haiku-5-5", Tokens(input=100_000, output=10_000), 0, 0.015),
        ("claude-haiku-5-5", Tokens(input=100_001, output=10_000), 0, 0.0750005),
        ("claude-haiku-5-5", Tokens(input=60_000, read=40_000, write=1_000), 0, 0.032625),
        ("claude-haiku-5-5", Tokens(write=10_000, write_hour=10_000, read=10_000), 0, 0.00335),
        ("claude-haiku-5-5", Tokens(), 3, 0.03),
        ("claude-sonnet-5-5", Tokens(input=1_000_000, output=1_000_000), 0, 12),
        ("claude-opus-5-5", Tokens(input=1_000_000, output=1_000_000), 0, 24),
    ],
)
def test_a_cost_is_by_the_table_and_the_length_of_the_prompt(model, tokens, searches, dollars):
    assert pytest.approx(dollars) == cost(model, tokens, searches)


def test_in_a_batch_tokens_cost_half_and_searches_do_not():
    tokens = Tokens(input=100_000, output=10_000)

    assert pytest.approx(0.0075 + 0.03) == cost("claude-haiku-5-5", tokens, 3, BATCH)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Планета Кіно", "planeta-kino"),
        ("Кінотеатр «Жовтень»", "kinoteatr-zhovten"),
        ("  Пʼятий   елемент ", "piatyi-element"),
        ("Amélie 2", "amelie-2"),
    ],
)
def test_a_name_always_gives_the_same_word(name, word):
    assert word == slug(name)


def test_names_in_other_letters_differ_too():
    assert slug("千と千尋") != slug("もののけ姫")
