import pytest

from cinestream_ops.cli import env_file
from cinestream_ops.errors import BadSpec

TEXT = """\
# what the site needs
PLAIN=one two
export EXPORTED=yes   # a comment
EMPTY=
SINGLE='a # b "c"'
DOUBLE="a \\"b\\" $c"
HASH=a#b

SPACED = x
"""


def test_a_file_is_read_as_python_dotenv_reads_it():
    expected = {
        "PLAIN": "one two",
        "EXPORTED": "yes",
        "EMPTY": "",
        "SINGLE": 'a # b "c"',
        "DOUBLE": 'a "b" $c',
        "HASH": "a#b",
        "SPACED": "x",
    }

    assert expected == env_file.values(TEXT, "site.env")


def test_every_line_that_is_no_variable_is_named_and_no_value_is_shown():
    with pytest.raises(BadSpec) as raised:
        env_file.values("A=1\nhush hush\n9B=2\n", "site.env")

    assert ["site.env:2: is not a variable", "site.env:3: is not a variable"] == [
        str(fault) for fault in raised.value.faults
    ]
