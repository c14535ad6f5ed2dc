"""
How documents are read by the test that runs them.
"""

from __future__ import annotations

from tests.manual.console import Command, commands, squeezed

DOCUMENT = """
Some prose, and `$ not this`.

<!-- test
mkdir shop
-->
```console
$ cinestream sites --server web1 \\
    --json
[]
$ cinestream plan --exit-code
...
$ echo $?
4
$ cinestream show nothing
error: there is no site `nothing`
```
"""


def test_commands_come_in_order_with_their_output_and_status():
    found = list(commands(DOCUMENT))

    assert [
        Command(5, "mkdir shop\n", ""),
        Command(8, "cinestream sites --server web1 \\\n    --json", "[]\n"),
        Command(11, "cinestream plan --exit-code", "...\n", 4),
        Command(15, "cinestream show nothing", "error: there is no site `nothing`\n", 1),
    ] == found


def test_dots_stand_for_anything_and_columns_have_any_width():
    command = Command(1, "", "SITE  WORKERS\nblog  24 ... 8001\n...\ndone\n")

    told = squeezed("SITE      WORKERS\nblog      24 x y 8001\none\ntwo\ndone\n")

    assert command.pattern.search(told)
    assert command.pattern.search(told.replace("one\ntwo\n", ""))
    assert not command.pattern.search(told.replace("8001", "8002"))


def test_dots_at_either_end_stand_for_nothing_too():
    assert Command(1, "", "...\ndone\n...\n").pattern.search(squeezed("done\n"))
