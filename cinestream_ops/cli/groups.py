"""
Options that come in groups: a parameter that is a dataclass stands for an option per field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """*command* as Typer reads it: its groups spread out, its annotations evaluated."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    def call(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    own = [
        each.replace(annotation=hints[each.name], kind=Parameter.KEYWORD_ONLY)
        for each in signature(command).parameters.values()
        if each.name not in groups
    ]
    spread = [each for kind in groups.values() for each in parameters(kind)]
    call.__signature__ = Signature([*own, *spread])  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in (*own, *spread)}
    call.__doc__, call.__name__ = command.__doc__, command.__name__
    return call


def parameters(kind: type[Any]) -> list[Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        Parameter(
            field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(kind)
    ]
