"""
A `.env` means the same to us and to python-dotenv.  (To systemd too: see the lab's tests.)
"""

from __future__ import annotations

import io
import re

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from cinestream_ops.agent import dotenv
from cinestream_ops.agent.refused import Refused

keys = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])).filter(
    lambda text: "${" not in text
)
tricky = st.text("'\"\\$#= `a\t").filter(lambda text: "${" not in text)


@given(st.dictionaries(keys, texts | tricky))
def test_what_is_dumped_is_what_python_dotenv_reads(values):
    found = dotenv_values(stream=io.StringIO(dotenv.dump(values)))

    assert values == found


@given(st.dictionaries(keys, texts | tricky))
def test_what_is_dumped_is_what_we_read(values):
    found = dotenv.parse(dotenv.dump(values))

    assert values == found


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A=b", "b"),
        ("A = b # why", "b"),
        ("A='b # c'", "b # c"),
        ('A="b \\"c\\""', 'b "c"'),
        ("A=", ""),
        ('A="two\nlines"', "two\nlines"),
    ],
)
def test_lines_made_by_hand_are_understood(line, value):
    found = dotenv.parse(f"# first\n{line}\nLAST=1\n")

    assert {"A": value, "LAST": "1"} == found


@pytest.mark.parametrize("value", ["a\nb", "a\0b", "${A}"])
def test_what_cannot_be_written_alike_is_refused(value):
    with pytest.raises(Refused, match=re.escape("the value of `A` holds")):
        dotenv.entry("A", value)
