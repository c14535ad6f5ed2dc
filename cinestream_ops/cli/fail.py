"""
The one door errors leave by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from cinestream_ops.cli import show
from cinestream_ops.errors import BadSpec, OpsError

# Exit codes, as DESIGN lists them.
REFUSED, USAGE, BUG, PENDING, INTERRUPTED = 1, 2, 3, 4, 130

# Typer carries its own click or uses the public one, by its version: ask the class for its parent.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


@contextmanager
def telling(words: Sequence[str] = ()) -> Iterator[None]:
    """Turn whatever is raised inside into words on stderr and an exit code."""
    try:
        yield
    except typer.Exit as done:
        raise SystemExit(done.exit_code) from None
    except UsageError as error:
        tell_usage(error)
        raise SystemExit(USAGE) from None
    except BadSpec as error:
        for fault in error.faults:
            show.error(str(fault), fault.hint)
        raise SystemExit(REFUSED) from None
    except OpsError as error:
        show.error(str(error), error.hint)
        raise SystemExit(REFUSED) from None
    except (KeyboardInterrupt, typer.Abort):
        show.say("Interrupted; nothing was committed")
        raise SystemExit(INTERRUPTED) from None
    except Exception as error:  # noqa: BLE001 -- the door is where everything ends
        tell_bug(error, words)
        raise SystemExit(BUG) from None


def tell_usage(error: Exception) -> None:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        for each in str(error).split("\n"):
            show.say(each)
        return
    path = context.command_path if context else "cinestream"
    what, asking, instead = in_our_words(error).partition(". Did you mean ")
    show.error(what, f"did you mean {instead}" if asking else f"`{path} --help` tells more")


def in_our_words(error: Exception) -> str:
    """Click's sentence in the house's style: no capital, no full stop, backticks for literals."""
    text = str(error.format_message() if hasattr(error, "format_message") else error)
    text = text.replace("Value error, ", "")
    return (text[:1].lower() + text[1:]).rstrip(".").replace("'", "`")


def tell_bug(error: Exception, words: Sequence[str]) -> None:
    from cinestream_ops.cli import bug

    path = bug.report(error, words)
    show.error(
        f"this is a bug in cinestream: {type(error).__name__}",
        f"a report without secrets is in `{path}`; please send it along",
    )
