"""
Units of systemd: enabled and started together, restarted a few at a time.

It may not leave one running that was stopped, nor call one started that is not.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence

from cinestream_ops.agent import kinds, systemd
from cinestream_ops.agent.kinds import RESTORE
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import paths
from cinestream_ops.state.items import Daemon, Fact, Item, Unit, words
from cinestream_ops.state.steps import PUT, RELOAD, REMOVE, RESTART, Step

# A unit without an [Install] section cannot be enabled, and need not be.
ENABLED = {"enabled", "enabled-runtime", "static", "alias", "generated"}
ACTIVE = {"active", "reloading", "refreshing"}
TEMPLATES = f"file:{paths.UNITS}/"


def look(found: Sequence[Item]) -> Dict[str, Fact]:
    known = states([item.name for item in found])
    return {item.key: known.get(item.name) for item in found}


def states(units: Sequence[str]) -> Dict[str, Dict[str, bool]]:
    """The fact of each of *units* that there is."""
    running = systemd.running(units)
    return {
        unit: {"enabled": state in ENABLED, "active": running.get(unit) in ACTIVE}
        for unit, state in systemd.installed(units).items()
    }


def strays(owned: Mapping[str, Any]) -> Dict[str, Any]:
    """
    Workers that run or are enabled though nobody remembers them, as if they were *owned*.

    An instance of a template of ours is ours, whoever started it.
    """
    sites = {key: each["site"] for key, each in owned.items() if key.startswith(TEMPLATES)}
    templates = [key[len(TEMPLATES) :] for key in sites if key.endswith("@.service")]
    found: Dict[str, Any] = {}
    for template, port in systemd.instances(templates):
        socket = template.replace("@.service", f"@{port}.socket")
        companions = (socket,) if f"{TEMPLATES}{systemd.template(socket)}" in sites else ()
        worker = Unit(template.replace("@", f"@{port}"), companions)
        if worker.key not in owned:
            site = sites[f"{TEMPLATES}{template}"]
            found[worker.key] = {"words": words(worker), "fact": None, "site": site}
    return found


def back_all(steps: Sequence[Step]) -> List[Step]:
    """
    To what was `before`, which has just been compared: to ask again would load each unit again.

    A restart has no way back of its own: a fence before the files has it restarted again.
    """
    changed = [step for step in steps if step.verb in {PUT, REMOVE} and step.item.kind == "unit"]
    return [Step(RESTORE, step.item, step.before, step.phase, step.site) for step in changed]


def do(step: Step, kit: Kit) -> None:
    do_all([step], kit)


def do_all(steps: Sequence[Step], kit: Kit) -> None:
    """*steps* of one verb."""
    if isinstance(steps[0].item, Daemon):
        systemd.reload(kit)
    else:
        VERBS[steps[0].verb](steps, kit)


def start(steps: Sequence[Step], kit: Kit) -> None:
    units = [step.item.name for step in steps]
    systemd.tell(kit, "enable", units)
    systemd.reset(kit, units)
    # One that hangs as it starts would hang on: `start` does no more than to wait for it.
    alive = any((step.before or {}).get("active") for step in steps)
    done = 0
    for few in systemd.turns(units):
        kit.progress(steps[0].key, f"starting {named(few)}", done, len(units))
        run_up(kit, "start" if alive or systemd.is_target(few[0]) else "restart", few)
        done += len(few)
    kit.progress(steps[0].key, f"started {named(units)}", done, len(units))


def restart(steps: Sequence[Step], kit: Kit) -> None:
    kinds.named("handover").restart(steps, kit)


def reload(steps: Sequence[Step], kit: Kit) -> None:
    run_up(kit, "reload-or-restart", [step.item.name for step in steps])


def run_up(kit: Kit, verb: str, units: Sequence[str]) -> None:
    """Have *units* running; `Refused` with the last words of one that does not run."""
    why = ""
    try:
        systemd.bring_up(kit, verb, units)
    except Refused as error:
        why = error.why
    if kit.booting:
        return
    now = systemd.running(units)
    failed = [unit for unit in units if now.get(unit) not in ACTIVE]
    if failed:
        said = systemd.last_words(kit, failed[0]) or why
        raise Refused(f"{named(failed)} did not start:\n{said}", systemd.where_to_read(failed[0]))
    if why:
        raise Refused(why)


def rolling(
    kit: Kit,
    verb: str,
    units: Sequence[str],
    *,
    back: bool = False,
    up: Callable[[Kit, str, Sequence[str]], None] = run_up,
) -> None:
    """
    Most of the workers of a site serve at any moment; told of after each batch, brought *up*.

    On the way *back* a worker that does not run is its site's trouble, and holds up nobody else:
    the others of that site are not waited for.
    """
    done, hopeless = 0, set()
    for batch in systemd.batches(units, kit.batch):
        systemd.reset(kit, batch)
        template = systemd.template(batch[0])
        try:
            if template in hopeless:
                systemd.ask(kit, verb, batch)
            else:
                up(kit, verb, batch)
        except Refused:
            if not back or systemd.is_plain(batch[0]):
                raise
            hopeless.add(template)
        done += len(batch)
        kit.progress(f"unit:{batch[-1]}", f"restarted {named(batch)}", done, len(units))


def stop(steps: Sequence[Step], kit: Kit) -> None:
    """Once nginx sends nobody there any more; sockets go too, or they would start it again."""
    from cinestream_ops.agent import nginx

    nginx.drain(kit)
    put_down(steps, kit)


def put_down(steps: Sequence[Step], kit: Kit) -> None:
    units = [unit for step in steps for unit in all_units(step.item)]
    there = list(states(units))
    systemd.stop(kit, there)
    systemd.tell(kit, "disable", there)
    systemd.reset(kit, there)
    now = {} if kit.booting else systemd.running(there)
    alive = [unit for unit in now if now[unit] not in systemd.IDLE]
    if alive:
        raise Refused(f"{named(alive)} did not stop", f"see `systemctl status {alive[0]}`")


def all_units(item: Item) -> List[str]:
    assert isinstance(item, Unit)
    return [item.unit, *item.companions]


def restore(steps: Sequence[Step], kit: Kit) -> None:
    """Each as it was `before`: those that ran run again, those that did not are put down."""
    strangers = [step for step in steps if not any((step.before or {}).values())]
    if strangers:
        stop(strangers, kit)
    was = {step.item.name: step.before or {} for step in steps if step not in strangers}
    now = states(list(was))
    for verb, state, wanted in WISHES:
        units = [
            unit
            for unit, before in was.items()
            if before.get(state) is wanted and now.get(unit, {}).get(state) is not wanted
        ]
        if verb == "start":
            rolling(kit, verb, units, back=True)
        elif verb == "stop":
            systemd.stop(kit, units)
        else:
            systemd.tell(kit, verb, units)


WISHES = (
    ("enable", "enabled", True),
    ("disable", "enabled", False),
    ("start", "active", True),
    ("stop", "active", False),
)
VERBS: Dict[str, Callable[[Sequence[Step], Kit], None]] = {
    PUT: start,
    RESTART: restart,
    RELOAD: reload,
    REMOVE: stop,
    RESTORE: restore,
}


def named(units: Sequence[str]) -> str:
    """A few of *units*, and how many more there are."""
    few = ", ".join(f"`{unit}`" for unit in units[:3])
    return few if len(units) <= 3 else f"{few} and {len(units) - 3} more"
