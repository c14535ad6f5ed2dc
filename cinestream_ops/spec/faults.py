"""
What pydantic found wrong, said in the owner's words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from cinestream_ops.errors import Fault
from cinestream_ops.spec.words import NotAllowed

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

LONGEST_QUOTE = 80
IN_QUOTES = "text goes in quotes"
# What to say for each of pydantic's error types; `{…}` is filled from its context.
SENTENCES = {
    "missing": "is missing",
    "extra_forbidden": "nobody reads this key",
    "int_type": "{input} is not a whole number",
    "string_type": "{input} is not text",
    "bool_type": "{input} is neither true nor false",
    "greater_than_equal": "{input} is less than {ge}",
    "less_than_equal": "{input} is more than {le}",
    "literal_error": "{input} is not {expected}",
    "tuple_type": "{input} is not a list",
    "dict_type": "{input} is not a table",
    "model_type": "{input} is not a table",
    "too_short": "has fewer than {min_length} entries",
    "too_long": "has more than {max_length} entries",
}


def faults(error: ValidationError, model: type[BaseModel], where: str) -> tuple[Fault, ...]:
    """Everything in *error*, which came of reading the table at *where* as a *model*."""
    return tuple(fault(each, model, where) for each in error.errors(include_url=False))


def fault(detail: ErrorDetails, model: type[BaseModel], where: str) -> Fault:
    address = tuple(str(part) for part in detail["loc"] if part != "[key]")
    # A domain is its name: `domains/1` says it all.
    shown = address[:-1] if address[:1] == ("domains",) and address[2:] == ("name",) else address
    what, hint = told(detail)
    return Fault("/".join((where, *map(safe, shown))), what, hint or advice(detail, model))


def told(detail: ErrorDetails) -> tuple[str, str]:
    """The sentence, and the hint if the word itself had one."""
    reason = detail.get("ctx", {}).get("error")
    if isinstance(reason, NotAllowed):
        shown = f"{quoted(detail['input'])} {reason}" if reason.shown else str(reason)
        return shown, reason.hint
    if detail["loc"][:1] == ("env",) and detail["type"] == "string_type":
        # What it is may be nobody's business.
        return "the value is not text", IN_QUOTES
    sentence = SENTENCES.get(detail["type"], "{input} is not allowed here")
    context = {name: str(value).replace("'", "`") for name, value in detail.get("ctx", {}).items()}
    spelled = quoted if detail["type"] == "literal_error" else literal
    hint = IN_QUOTES if detail["type"] == "string_type" else ""
    return sentence.format(input=spelled(detail["input"]), **context), hint


def advice(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """What the field is for; for an unknown key, the keys there are."""
    if detail["type"] == "extra_forbidden":
        # It may itself be called `[key]`.
        *above, key = detail["loc"]
        return known_keys(str(key), owner(model, named(above)))
    address = named(detail["loc"])
    field = owner(model, address[:-1]).model_fields.get(address[-1]) if address else None
    return (field.description or "") if field else ""


def named(places: Sequence[int | str]) -> list[str]:
    return [part for part in places if isinstance(part, str) and part != "[key]"]


def known_keys(key: str, model: type[BaseModel]) -> str:
    return keys_told(key, [name for name, field in model.model_fields.items() if not field.exclude])


def keys_told(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, n=1)
    asked = f"did you mean `{near[0]}`? " if near else ""
    return f"{asked}known keys: {', '.join(f'`{name}`' for name in known)}"


def owner(model: type[BaseModel], address: list[str]) -> type[BaseModel]:
    """The model of the table at *address* inside *model*; where there is none, the last one."""
    for part in address:
        field = model.model_fields.get(part)
        inner = next(models_in(field.annotation), None) if field else None
        model = inner or model
    return model


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def quoted(value: object) -> str:
    """*value* in backticks, cut short, and without anything a terminal would obey."""
    text = value if isinstance(value, str) else as_toml(value)
    shown = safe(text)
    return f"`{shown if len(shown) <= LONGEST_QUOTE else shown[:LONGEST_QUOTE] + '…'}`"


def safe(text: str) -> str:
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def literal(value: object) -> str:
    """*value* as TOML spells it: text in quotes, so that `"24"` is told from `24`."""
    return quoted(f'"{value}"' if isinstance(value, str) else value)


def as_toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    # Python writes no number down that has thousands of digits.
    return hex(value) if isinstance(value, int) and abs(value) >= 2**64 else str(value)
