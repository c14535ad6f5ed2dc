"""
Templates are strict, and no value changes the meaning of the text around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader, UndefinedError

from cinestream_ops.render import UnsafeText, render
from cinestream_ops.render.dialects import DIALECTS, environment
from cinestream_ops.render.render import folder

ENDS_A_WORD = set(";{}#\"'\\\n\r\t\0$`%()&|<>!?[]")


@dataclass(frozen=True)
class Webroot:
    webroot: str


@pytest.mark.parametrize("value", ["", "a b", "a;", "a{", "$host", '"', "a\n", "a\\", "#", "é"])
def test_nginx_gets_no_value_that_ends_a_word(value):
    with pytest.raises(UnsafeText):
        render("nginx/acme.inc", Webroot(value))


@given(st.sampled_from(sorted(DIALECTS)), st.text())
def test_no_dialect_lets_through_what_ends_a_word(dialect, value):
    try:
        text = (
            environment(dialect, DictLoader({"a": "{{ value }}"}))
            .get_template("a")
            .render(value=value)
        )
    except UnsafeText:
        text = ""

    assert not ENDS_A_WORD & set(text)


def test_a_value_that_the_context_lacks_is_an_error():
    with pytest.raises(UndefinedError):
        render("nginx/acme.inc", object.__new__(Webroot))


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_template_begins_with_its_inputs(dialect):
    openings = {path.name: path.read_text()[:11] for path in folder(dialect).glob("*.j2")}

    assert openings
    assert {"{# Inputs: "} == set(openings.values())
