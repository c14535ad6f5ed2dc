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


@pytest.mark.parametrize("line", ["env set blog NODE_OPTIONS=x", "env set blog --secret BASH_ENV"])
def test_a_variable_that_says_which_program_runs_is_refused(cinestream, line):
    told = cinestream(*line.split())

    assert 1 == told.code
    assert "decides which program runs, or what that loads" in told.err


def test_so_is_one_in_a_file(cinestream, tmp_path):
    (tmp_path / "env").write_text("API_KEY=1\nGIT_SSH_COMMAND=x\n")

    told = cinestream("add-site", "blog", "--env-file", str(tmp_path / "env"))

    assert "`GIT_SSH_COMMAND` decides which program runs" in told.err
