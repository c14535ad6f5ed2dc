"""
Finds templates, and fills them in.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, Template

from cinestream_ops.render.dialects import DIALECTS, environment

HERE = Path(__file__).parent
PACKAGE = HERE.parent
# These stand beside the package in a checkout, and are packed into it in a wheel.
SHIPPED = {"nginx": "nginx_templates", "systemd": "systemd_templates"}


def render(template: str, context: object) -> str:
    """
    The text of *template*, such as `nginx/site.conf`, with the fields of *context*.

    Raises UnsafeText when a value may not appear in that dialect, and jinja2's UndefinedError when
    the context lacks one.
    """
    return compiled(template).render(vars(context))


def compile_all() -> None:
    """Every template now, for whoever has time now and not later."""
    for dialect in DIALECTS:
        for name in of(dialect).list_templates(["j2"]):
            compiled(f"{dialect}/{name.removesuffix('.j2')}")


@cache
def compiled(template: str) -> Template:
    dialect, _, name = template.partition("/")
    return of(dialect).get_template(f"{name}.j2")


@cache
def of(dialect: str) -> Environment:
    return environment(dialect, FileSystemLoader(folder(dialect)))


def folder(dialect: str) -> Path:
    if dialect not in SHIPPED:
        return HERE / dialect
    packed = PACKAGE / "_shipped" / SHIPPED[dialect]
    return packed if packed.exists() else PACKAGE.parent / SHIPPED[dialect]
