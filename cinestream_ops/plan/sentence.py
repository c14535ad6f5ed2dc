"""
A plan in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from cinestream_ops.plan.plan import Plan
from cinestream_ops.plan.restarts import hit
from cinestream_ops.state import paths
from cinestream_ops.state.items import (
    Absent,
    Archive,
    Certificate,
    Check,
    Daemon,
    Database,
    Directory,
    EnvFile,
    Fence,
    Gate,
    Heir,
    Hook,
    Item,
    MongoAdmin,
    MongoIndexes,
    MongoUser,
    Package,
    Release,
    Remains,
    SiteJournal,
    Sshd,
    Table,
    Tree,
    Trial,
    Unit,
    User,
    Venv,
)
from cinestream_ops.state.steps import (
    CHANGE,
    CLEANUP,
    FOLLOW_UP,
    PREPARE,
    RELOAD,
    REMOVE,
    RESTART,
    Step,
)

TITLES = {
    PREPARE: "Prepare (only adds; is not undone)",
    CHANGE: "Change (whole, or not at all)",
    CLEANUP: "Clean up (once the change stands; cannot be undone)",
    FOLLOW_UP: "Follow up (depends on the world; tried again by the server)",
}


def grouped(plan: Plan) -> list[tuple[str, list[str]]]:
    """Each phase that has steps: its title, and a sentence for every step or run of workers."""
    return [
        (title, list(sentences((step for step in plan.steps if step.phase == phase), plan)))
        for phase, title in TITLES.items()
        if any(step.phase == phase for step in plan.steps)
    ]


def sentences(steps: Iterable[Step], plan: Plan) -> Iterator[str]:
    told = (step for step in steps if not isinstance(step.item, Fence | Daemon))
    for _, alike in groupby(told, key=likeness):
        run = list(alike)
        yield (sentence(run[0]) if len(run) == 1 else together(run)) + since(run[0], plan)


def since(step: Step, plan: Plan) -> str:
    """Why a unit that runs is not left alone."""
    if step.verb not in (RESTART, RELOAD) or not isinstance(step.item, Unit):
        return ""
    inputs = (*step.item.restart_on, *step.item.reload_on)
    changed = [
        f"`{other.item.name}`"
        for other in plan.steps
        if other.phase == CHANGE and other.key != step.key and hit({other.key}, inputs)
    ]
    few = changed if len(changed) <= 3 else [*changed[:2], f"{len(changed) - 2} more"]
    verb = "changes" if len(changed) == 1 else "change"
    return f", for {' and '.join(few)} {verb}" if few else ""


def likeness(step: Step) -> tuple[str, ...]:
    """Steps that are told in one sentence: packages, and the workers of one site."""
    template, at, _ = step.item.name.partition("@")
    if isinstance(step.item, Unit) and at:
        return ("workers", step.verb, template)
    if isinstance(step.item, Package):
        return ("packages", step.verb)
    return (step.verb, step.key)


def together(run: list[Step]) -> str:
    names = [step.item.name.removesuffix(".service") for step in run]
    if isinstance(run[0].item, Package):
        return f"install {len(run)} packages: {', '.join(f'`{name}`' for name in names)}"
    return f"{unit_verb(run[0])} {len(run)} workers `{names[0]}` … `{names[-1]}`"


def sentence(step: Step) -> str:
    """What *step* does, as a sentence without its full stop."""
    item = step.item
    if isinstance(item, Unit):
        return f"{unit_verb(step)} `{item.unit}`"
    if isinstance(item, Remains):
        logs = ", and its logs" if item.logs else ""
        return f"end all that runs as `{item.login}`, delete its jobs and temporary files{logs}"
    if step.verb == REMOVE:
        return f"{'delete' if isinstance(item, Tree | Database) else 'remove'} {noun(item)}"
    return f"{verb(step)} {noun(item)}{whose_code(item)}"


def whose_code(item: Item) -> str:
    """What else is run, and as whom, to make *item*."""
    if not (isinstance(item, Venv) and item.sources):
        return ""
    named = ", ".join(f"`{each}`" for each in item.sources)
    return f", and run code of {named} as `{paths.BUILDER}` to build it from source"


def unit_verb(step: Step) -> str:
    if step.verb in (RESTART, RELOAD):
        return step.verb
    if step.verb == REMOVE:
        return "stop"
    return "enable" if step.before and step.before["active"] else "start"


def verb(step: Step) -> str:
    fixed = {
        Package: "install",
        Absent: "remove",
        Archive: "unpack",
        Release: "upload",
        Venv: "build",
        Check: "check that",
        Heir: "hand over",
        Hook: "run",
        Table: "load",
        Trial: "try",
        Gate: "test",
        Certificate: "get",
    }
    return fixed.get(type(step.item)) or ("change" if step.before else "create")


def noun(item: Item) -> str:
    return phrase(item) or " ".join((*filter(None, [common(item)]), f"`{item.name}`"))


def common(item: Item) -> str:
    """The common noun that stands before the name; none for what a path says well enough."""
    words: dict[type[Item], str] = {
        Directory: "folder",
        User: "user",
        Package: "package",
        MongoUser: "MongoDB user",
        Database: "MongoDB database",
        Venv: "virtual environment",
        Release: "release",
        Sshd: "sshd's rule that keys alone log in,",
        Tree: "everything in",
        SiteJournal: "journal of",
    }
    return words.get(type(item), "")


def gated(gate: Gate) -> str:
    count = len(gate.probes)
    hosts = f"{count} host name{'' if count == 1 else 's'}"
    done = f"nginx, reload it and probe {hosts}" if count else "nginx and reload it"
    return f"{done}, then let its old workers end" if gate.drained else done


def phrase(item: Item) -> str:
    """The words for an item that its name alone does not tell well."""
    if isinstance(item, Check | Hook):
        return item.what
    if isinstance(item, Trial):
        return f"one worker of `{item.site}` as all will be, before any of them changes"
    if isinstance(item, Heir):
        return f"the data and the user id of `{item.of}` to `{item.user}`"
    if isinstance(item, Gate):
        return gated(item)
    if isinstance(item, Certificate):
        return f"a certificate for {', '.join(f'`{name}`' for name in item.names)}"
    if isinstance(item, Table):
        return f"the nftables table `{item.table}` from `{item.rules}`"
    if isinstance(item, MongoAdmin):
        return "the MongoDB administrator"
    if isinstance(item, MongoIndexes):
        return f"{len(item.indexes)} indexes in MongoDB database `{item.database}`"
    if isinstance(item, EnvFile) and item.given:
        return f"`{item.path}` ({', '.join(f'{name}=•••' for name in item.given)})"
    return ""
