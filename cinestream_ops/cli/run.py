"""
`cinestream run`.
"""

from __future__ import annotations

import typer

from cinestream_ops import engine
from cinestream_ops.cli import fail, mouth, session, show, words
from cinestream_ops.cli.options import NONE, Arguments, ProgramName, Reading, SiteName, Timeout
from cinestream_ops.errors import OpsError
from cinestream_ops.spec.names import Program


def run(
    name: SiteName,
    program: ProgramName,
    asked: Reading,
    arguments: Arguments = NONE,
    timeout: Timeout = 600,
) -> None:
    """
    Run a program of a site on its server, as the site's user.

    It runs in the site's home, with its venv and its .env, in the sandbox of its workers; this
    command ends as it does.  Write `--` before PROGRAM: what follows is its own.

    Arguments are seen by whoever lists the server's processes: a secret belongs
    into the .env, which `cinestream env set --secret` does.
    """
    called = words.checked(Program, program)
    with session.opened(asked) as host:
        site = host.site(name)
        if not site.release:
            raise OpsError(f"`{name}` has no source yet", "`cinestream edit-site` brings it")
        speech = {to: mouth.Speech(to) for to in (mouth.OUT, mouth.ERR)}
        told = as_lines if asked.as_json else lambda to, piece: speech[to].heard(piece)
        try:
            code = engine.run(host.conversation, site, called, arguments, timeout, told)
        except KeyboardInterrupt:
            show.say("Interrupted; the program is stopped, and what it did stays done")
            raise typer.Exit(fail.INTERRUPTED) from None
        finally:
            for each in speech.values():
                each.ended()
    if asked.as_json:
        show.json_line({"code": code})
    raise typer.Exit(code)


def as_lines(to: str, piece: bytes) -> None:
    text = piece.decode(errors="replace")
    show.json_line({"to": f"std{to}", "text": text})
