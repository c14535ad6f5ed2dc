"""
What an agent may answer: the shape of each event, and whether what came has it.

A server may be in strange hands, so nobody above is given anything that has not the shape it is
written for.  What an event has beside that is only plain and shallow.
"""

# No postponed annotations: a TypedDict would not see which of its keys need not be there.
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    NewType,
    NotRequired,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from cinestream_ops.errors import StrangeAnswer
from cinestream_ops.state.facts import Machine
from cinestream_ops.state.items import KINDS

DEEPEST = 16  # tables and lists within each other
HUGE = 2**63
# Words for people may hold half a letter: a file's name that was no text.
Said = NewType("Said", str)
Base64 = NewType("Base64", str)
Numbered = NewType("Numbered", str)  # the version of something
OwnedWords = NewType("OwnedWords", dict[str, Any])
ItemFacts = NewType("ItemFacts", dict[str, Any])
NUMBERED = re.compile(r"(\d{1,9}(\.\d{1,9}){0,5})?", re.ASCII)
# What is taken apart further than its type tells.
STRICTER: Mapping[tuple[type, str], Any] = {
    (Machine, "version"): Numbered,
    (Machine, "nginx"): Numbered,
}

Check = Callable[[Any], bool]


class Refused(TypedDict):
    why: Said
    hint: Said
    kind: Literal["refused", "drifted", "locked"]
    restored: NotRequired[bool]


class Bug(TypedDict):
    trace: Said


class Owned(TypedDict):
    words: OwnedWords
    fact: dict[str, Any] | None
    site: NotRequired[str]


class EnvFact(TypedDict):
    """Of a `.env` that is a file; what a site puts in its place has no more than a sort."""

    mode: NotRequired[int]
    owner: NotRequired[str]
    group: NotRequired[str]
    plain: NotRequired[dict[str, Said]]
    hidden: NotRequired[list[Said]]


class UnitFact(TypedDict):
    enabled: bool
    active: bool


class Certificate(TypedDict):
    state: NotRequired[str]
    names: NotRequired[list[str]]
    reason: NotRequired[Said | None]
    hint: NotRequired[Said | None]
    not_after: NotRequired[float | None]
    next_try: NotRequired[float | None]


class Recovered(TypedDict):
    undone: list[str]
    failed: dict[str, Any]


class Leftover(TypedDict):
    key: str
    site: str
    why: Said
    since: float


class Leftovers(TypedDict):
    leftovers: list[Leftover]


class Facts(TypedDict):
    machine: Machine
    specs: dict[str, str]
    items: ItemFacts
    owned: dict[str, Owned]
    listeners: list[int]
    certificates: dict[str, Certificate]
    recovered: NotRequired[Recovered | None]
    leftovers: NotRequired[list[Leftover]]
    busy: NotRequired[bool]


class Contents(TypedDict):
    files: dict[str, Base64 | None]


class Worker(TypedDict):
    unit: str
    state: str
    pid: int
    memory: int
    restarts: int
    since: float
    ready: bool
    why: Said
    ended: Said
    squatter: Said


class Workers(TypedDict):
    name: str
    workers: list[Worker]


class Status(TypedDict):
    sites: list[Workers]
    mongodb: Said


class TableFact(TypedDict):
    whole: bool


class Answered(TypedDict):
    code: NotRequired[int]
    late: NotRequired[bool]
    why: Said


class Visitors(TypedDict):
    nginx: str
    test: Said
    table: TableFact | None
    answers: dict[str, Answered]
    renewing: bool
    renewals: dict[str, Said]


class Strangers(TypedDict):
    lineages: dict[str, Said]
    served: dict[str, Said]
    defaults: list[Said]


class Change(TypedDict):
    when: float
    who: Said
    doing: Said
    outcome: str
    why: Said
    steps: NotRequired[int]


class History(TypedDict):
    entries: list[Change]


class Finding(TypedDict):
    level: Literal["stop", "warn", "ok"]
    what: Said
    hint: Said


class Findings(TypedDict):
    findings: list[Finding]


class Inbound(TypedDict):
    logins: list[int]
    public: dict[str, Said]
    firewall: Said


class Checked(TypedDict):
    name: str
    token: dict[str, Any]
    why: Said
    hint: Said


class CheckedDomains(TypedDict):
    findings: list[Checked]


class Ended(TypedDict):
    code: int


class Output(TypedDict):
    to: str
    data: Base64


class Line(TypedDict):
    text: Said


class Stepped(TypedDict):
    key: str
    verb: str
    state: str


class Progress(TypedDict):
    text: NotRequired[Said]
    done: NotRequired[int | None]
    total: NotRequired[int | None]


class Outcome(TypedDict):
    key: str
    ok: bool
    why: Said
    left: NotRequired[bool]


class Ready(TypedDict):
    token: NotRequired[str]


class Standing(TypedDict):
    missing: NotRequired[list[Said]]
    began: float
    ended: float
    good: float
    since: float
    running: bool
    why: Said
    result: Said


class BackupsStanding(TypedDict):
    sites: dict[str, Standing]


class Measured(TypedDict):
    size: int


class Saved(TypedDict):
    missing: list[Said]
    documents: NotRequired[dict[str, int]]
    snapshot: NotRequired[bool]


class Held(TypedDict):
    sha256: str
    documents: int


class Compared(TypedDict):
    held: dict[str, Held]


class Weighed(TypedDict):
    release: int
    data: int
    database: int
    moving: list[Said]


class Renamable(TypedDict):
    moving: list[Said]


class Faulty(TypedDict):
    path: Said
    why: Said


class Inspected(TypedDict):
    faults: list[Faulty]


class Staged(TypedDict):
    new_user: Any
    faults: list[Faulty]


class Cloned(TypedDict):
    new_user: Any


class Anything(TypedDict):
    pass


Waiting = TypedDict("Waiting", {"for": Said})

# What may be told of any order while it is done, and in place of an answer.
MIDST: Mapping[str, Any] = {
    "waiting": Waiting, "step": Stepped, "progress": Progress, "ready": Ready, "outcome": Outcome,
    "line": Line, "output": Output, "said": Line,
}  # fmt: skip
INSTEAD: Mapping[str, Any] = {"refused": Refused, "bug": Bug}
# The last word about each order; of a backup, about each act.
LAST: Mapping[str, tuple[str, Any]] = {
    "look": ("facts", Facts),
    "read": ("contents", Contents),
    "status": ("status", Status),
    "visitors": ("visitors", Visitors),
    "strangers": ("strangers", Strangers),
    "logs": ("done", Anything),
    "run": ("ended", Ended),
    "history": ("history", History),
    "journal": ("journal", Anything),
    "examine": ("findings", Findings),
    "inbound": ("inbound", Inbound),
    "check-domain": ("findings", CheckedDomains),
    "clear-up": ("leftovers", Leftovers),
    "apply": ("done", Anything),
    "vouch": ("vouched", Anything),
    "backup": ("backup", Anything),
    "backup standing": ("backup", BackupsStanding),
    "backup measure": ("backup", Measured),
    "backup save": ("backup", Saved),
    "backup compare": ("backup", Compared),
    "backup inspect": ("backup", Inspected),
    "backup stage": ("backup", Staged),
    "backup clone": ("backup", Cloned),
    "backup weigh": ("backup", Weighed),
    "backup renamable": ("backup", Renamable),
}


def sound(event: Mapping[str, Any], order: Mapping[str, Any]) -> None:
    """Raise `StrangeAnswer` unless *event* may be told of *order*."""
    name = event.get("event")
    shapes = {**MIDST, **INSTEAD, **dict([last(order)])}
    if not isinstance(name, str) or name not in shapes:
        raise StrangeAnswer("an event that is none")
    for field, check in fields_of(shapes[name]).items():
        if field not in event and field in shapes[name].__required_keys__:
            raise StrangeAnswer(f"`{name}` without its `{field}`")
        if field in event and not check(event[field]):
            raise StrangeAnswer(f"`{name}` whose `{field}` is something else")
    if not all(plain(value) for field, value in event.items()):
        raise StrangeAnswer(f"`{name}` with something in it that none has")


def last(order: Mapping[str, Any]) -> tuple[str, Any]:
    do, act = str(order.get("do")), str(order.get("act"))
    # What nobody here asks is heard all the same, for who does.
    return LAST.get(f"{do} {act}") or LAST.get(do) or ("done", Anything)


@cache
def fields_of(shape: type) -> Mapping[str, Check]:
    return {name: checker(hint) for name, hint in get_type_hints(shape).items()}


@cache
def checker(hint: Any) -> Check:
    """Whether a value is what *hint* says, as JSON has it."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    if is_typeddict(hint):
        return table(fields_of(hint), hint.__required_keys__, closed=False)
    if is_dataclass(hint) and isinstance(hint, type):
        return whole(hint)
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        anyone = [checker(each) for each in inside]
        return lambda value: any(each(value) for each in anyone)
    if origin is Literal:
        return lambda value: isinstance(value, str) and value in inside
    if origin is dict:
        each = checker(inside[1])
        return lambda value: type(value) is dict and all(map(each, value.values()))
    assert origin in (list, tuple), hint
    if origin is tuple and inside[-1] is not ...:
        pair = [checker(one) for one in inside]
        return lambda value: (
            type(value) is list
            and len(value) == len(pair)
            and all(check(one) for check, one in zip(pair, value, strict=True))
        )
    one = checker(inside[0])
    return lambda value: type(value) is list and all(map(one, value))


def table(known: Mapping[str, Check], needed: frozenset[str], *, closed: bool) -> Check:
    def check(value: Any) -> bool:
        return (
            type(value) is dict
            and needed <= value.keys()
            and not (closed and value.keys() - known.keys())
            and all(known[name](each) for name, each in value.items() if name in known)
        )

    return check


def whole(kind: type) -> Check:
    """Exactly the fields of a dataclass, but for those with a default."""
    hints = get_type_hints(kind)
    known = {
        each.name: checker(STRICTER.get((kind, each.name), hints[each.name]))
        for each in fields(kind)
    }
    needed = frozenset(each.name for each in fields(kind) if each.default is MISSING)
    return table(known, needed, closed=True)


def is_words(value: Any) -> bool:
    """An item that was put into words (`items.words`)."""
    kind = value.get("kind") if type(value) is dict else None
    if not isinstance(kind, str) or kind not in KINDS:
        return False
    of_kind: Any = KINDS[kind]
    return checker(of_kind)({name: each for name, each in value.items() if name != "kind"})


def are_facts(value: Any) -> bool:
    """Facts by the keys of their items; of those with fields that are looked into, these."""
    return type(value) is dict and all(is_fact(key, fact) for key, fact in value.items())


def is_fact(key: str, fact: Any) -> bool:
    if fact is None:
        return True
    kind = key.partition(":")[0]
    return type(fact) is dict and LOOKED_INTO.get(kind, anything)(fact)


def anything(_: Any) -> bool:
    return True


def is_text(value: Any) -> bool:
    """Text that can be written down: no half of a letter."""
    if type(value) is not str:
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def is_base64(value: Any) -> bool:
    try:
        return type(value) is str and b64decode(value, validate=True) is not None
    except ValueError:
        return False


def is_blob(value: Any) -> bool:
    return type(value) is dict and is_text(value.get("blob"))


def is_int(value: Any) -> bool:
    return type(value) is int and -HUGE <= value < HUGE


def is_number(value: Any) -> bool:
    # Also of an infinity, which a number with too many digits becomes.
    return type(value) in (int, float) and -HUGE <= value < HUGE


def plain(value: Any, deep: int = DEEPEST) -> bool:
    """Whether there is no more to *value* than a table in a table, and no number beyond reason."""
    kind = type(value)
    if kind in (str, bool, NoneType):
        return True
    if kind in (int, float):
        return is_number(value)
    return deep > 0 and all(
        plain(each, deep - 1) for each in (value.values() if kind is dict else value)
    )


SIMPLE: Mapping[Any, Check] = {
    Any: anything,
    str: is_text,
    bool: lambda value: type(value) is bool,
    int: is_int,
    float: is_number,
    bytes: is_blob,
    NoneType: lambda value: value is None,
    Said: lambda value: type(value) is str,
    Base64: is_base64,
    Numbered: lambda value: type(value) is str and bool(NUMBERED.fullmatch(value)),
    OwnedWords: is_words,
    ItemFacts: are_facts,
}
LOOKED_INTO: Mapping[str, Check] = {"env": checker(EnvFact), "unit": checker(UnitFact)}
