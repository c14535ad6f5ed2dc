"""
What every command says of itself.
"""

import sys

import pytest

from cinestream_ops.cli import commands

GROUPS = {
    "backup": ["create", "list", "prune", "restore", "schedule", "unschedule", "verify"],
    "domain": ["add", "check", "list", "remove"],
    "env": ["list", "set", "unset"],
    "server": ["add", "list", "remove", "use"],
    "lab": ["down", "list", "ssh", "up"],
}
ALL = [
    (word, *inner)
    for word in commands.COMMANDS
    for inner in [(), *((each,) for each in GROUPS.get(word, []))]
]


@pytest.mark.parametrize("words", [(), *ALL], ids=" ".join)
def test_help_fits_into_eighty_columns(cinestream, words):
    told = cinestream(*words, "--help")

    assert (0, "") == (told.code, told.err)
    assert [] == [line for line in told.out.splitlines() if len(line) > 80]


@pytest.mark.parametrize("words", [each for each in ALL if each != ("lab", "ssh")], ids=" ".join)
def test_every_command_that_is_no_group_takes_json(cinestream, words):
    told = cinestream(*words, "--help")

    assert (words[-1] in GROUPS and len(words) == 1) != ("--json" in told.out)


def test_the_list_of_commands_tells_each_in_one_line(cinestream):
    told = cinestream("--help")

    assert [] == [line for line in commands.COMMANDS.values() if f"{line}\n" not in told.out]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_lists_its_commands(cinestream, group):
    told = cinestream(group, "--help")

    assert [] == [word for word in GROUPS[group] if f"\n  {word} " not in told.out]


def test_the_version_is_data(cinestream):
    assert (0, "0.1.0\n", "") == tuple(vars(cinestream("--version")).values())


def test_without_words_the_help_is_shown_and_it_is_a_usage_error(cinestream):
    told = cinestream()

    assert (2, "") == (told.code, told.out)
    assert told.err.startswith("Usage: cinestream [OPTIONS] COMMAND")


def test_help_imports_nothing_slow(python):
    slow = {"paramiko", "jinja2", "pydantic", "rich", "cinestream_ops.engine"}
    program = (
        "import sys; from cinestream_ops.cli import app\n"
        "try: app.run(['--help'])\n"
        f"finally: print(sorted({slow} & set(sys.modules)), file=sys.stderr)"
    )

    assert "[]\n" == python(program).stderr


@pytest.fixture
def python(home):
    import subprocess

    def run(program: str):
        argv = [sys.executable, "-c", program]
        return subprocess.run(argv, capture_output=True, text=True, check=True)

    return run
