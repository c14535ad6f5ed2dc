"""
Which commands there are.

The module of a command is imported when the command is run, and no sooner: `--help` and the
shell's completion are quick.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Annotated, Any, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

from cinestream_ops import __version__
from cinestream_ops.cli import again, show
from cinestream_ops.cli.groups import flat

Function: TypeAlias = Callable[..., None]

TYPES = re.compile(r" <(?:str|list\[str\]|on\|off)>")

ABOUT = """
Turns bare Debian and Ubuntu servers into hosts for many Python sites.

Every change is shown before it is made, and made whole or not at all.
"""

SETTINGS = {"help_option_names": ["-h", "--help"]}

COMMANDS = {
    "setup": "Make a bare server a host for sites",
    "add-site": "Add a site",
    "edit-site": "Change a site: its workers, source, memory and more",
    "clone-site": "Make a second site like a first, with its data",
    "rename-site": "Call a site otherwise, while it goes on serving",
    "remove-site": "Take a site down; its data stays unless purged",
    "sites": "List the sites of a server",
    "show": "Show everything about one site",
    "status": "Tell how sites and their workers are",
    "logs": "Show the logs of a site",
    "run": "Run a program of a site on its server",
    "deploy": "Make a site's code as it is now its release",
    "rollback": "Make an earlier release of a site live again",
    "releases": "List the releases of a site",
    "restart": "Restart the workers of a site, a few at a time",
    "stop": "Stop the workers of a site, and tell visitors so",
    "start": "Start the workers of a site that was stopped",
    "maintenance": "Show visitors a page in place of a site",
    "domain": "Add, remove, list and check the domains of sites",
    "env": "Set, unset and list what is in a site's environment",
    "backup": "Save sites, now or every day, check and restore them",
    "plan": "Show what would change, and change nothing",
    "apply": "Make a server as its specs, or a file, say",
    "history": "Tell who changed what, and when",
    "recover": "Undo what a change left half done, and tell what it was",
    "doctor": "Look for trouble on a server, and say what to do",
    "server": "Add, list, remove and choose servers",
    "lab": "Throwaway servers on this machine, for trials",
}


class Command(TyperCommand):
    """A command whose help names arguments without the types of Python."""

    def get_help(self, ctx: Any) -> str:
        return TYPES.sub(lambda found: " " * len(found[0]), super().get_help(ctx))


class Later(TyperCommand):
    """A command that is known by its name and one line, until somebody runs it."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        return loaded(str(self.name)).make_context(info_name, args, parent, **extra)


def tell_version(asked: bool) -> None:
    if asked:
        show.line(__version__)
        raise typer.Exit


Version: TypeAlias = Annotated[
    bool,
    typer.Option("--version", help="Print the version.", is_eager=True, callback=tell_version),
]


def root(program: str) -> TyperGroup:
    """The command above all others; their modules are not imported yet."""
    app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, context_settings=SETTINGS)

    @app.callback(help=ABOUT)
    def _of_all(version: Version = False) -> None: ...

    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    group.name = program
    group.commands.update({word: Later(word, help=told) for word, told in COMMANDS.items()})
    return group


def loaded(word: str) -> Any:
    """The command, or the group of commands, that stands in the module of that name."""
    # The module `show` is how every command speaks.
    name = "show_site" if word == "show" else word.replace("-", "_")
    module = import_module(f"cinestream_ops.cli.{name}")
    if hasattr(module, "COMMANDS"):
        return group(word, module.COMMANDS)
    return command(word, getattr(module, name))


def group(word: str, functions: Mapping[str, Function]) -> TyperGroup:
    inner = {each: command(each, function) for each, function in functions.items()}
    return TyperGroup(
        name=word,
        commands=inner,
        help=COMMANDS[word],
        no_args_is_help=True,
        rich_markup_mode=None,
    )


def command(word: str, function: Function) -> Any:
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(word, cls=Command)(flat(again.patient(function)))
    return typer.main.get_command(app)
