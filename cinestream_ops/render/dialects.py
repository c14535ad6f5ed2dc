"""
What may be interpolated into each kind of text.

The guard runs on every `{{ … }}`, so no template author has to remember it.  A page (`.html.j2`)
may say anything: there every value is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from jinja2 import BaseLoader, Environment, StrictUndefined, pass_eval_context
from jinja2.nodes import EvalContext

# An empty value is refused too: it would move the next word into its place.
DIALECTS = {
    "nginx": re.compile(r"[\w./:@=~-]+", re.ASCII),
    "systemd": re.compile(r"[\w./:@=,*~-]+( [\w./:@=,*~-]+)*", re.ASCII),
    "nft": re.compile(r"[\w./:-]+", re.ASCII),
    "mongod": re.compile(r"[A-Za-z0-9/][\w./-]*", re.ASCII),
    "logrotate": re.compile(r"[\w./-]+", re.ASCII),
    "apt": re.compile(r"[\w./-]+", re.ASCII),
    "shell": re.compile(r"[\w/][\w./-]*", re.ASCII),
    "ssh": re.compile(r"[\w./-]+", re.ASCII),
}


class UnsafeText(ValueError):
    """A value would have changed the meaning of the file around it."""


def guard(dialect: str) -> Callable[[EvalContext, object], object]:
    allowed = DIALECTS[dialect].fullmatch

    @pass_eval_context
    def finalize(context: EvalContext, value: object) -> object:
        if not context.autoescape and not allowed(str(value)):
            raise UnsafeText(f"`{value}` may not appear in {dialect} text")
        return value

    return finalize


def environment(dialect: str, loader: BaseLoader) -> Environment:
    return Environment(
        loader=loader,
        undefined=StrictUndefined,
        finalize=guard(dialect),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        autoescape=is_page,  # noqa: S701 -- the guard is stricter than escaping in all else
    )


def is_page(template: str | None) -> bool:
    return bool(template and template.endswith(".html.j2"))
