"""
The questions that an agent answers beside its look; none of them changes anything.

Each is sent along with the first of its kind, and so are the modules that know the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict

from cinestream_ops.agent import record
from cinestream_ops.agent.kit import Kit

if TYPE_CHECKING:
    from cinestream_ops.agent.main import Agent

Order = Dict[str, Any]


def read(agent: Agent, order: Order) -> None:
    from cinestream_ops.agent import reading

    agent.tell("contents", files=reading.files(order["paths"], agent.readable))


def status(agent: Agent, order: Order) -> None:
    from cinestream_ops.agent import mongodb_health, status

    sites = status.status(order["sites"])
    missed = any(not each["ready"] for site in sites for each in site["workers"])
    mongodb = mongodb_health.trouble(order.get("mongodb", ""), missed=missed)
    agent.tell("status", sites=sites, mongodb=mongodb)


def visitors(agent: Agent, order: Order) -> None:
    from cinestream_ops.agent import visitors

    # Its threads are not where a signal can be heard.
    agent.tell("visitors", **visitors.visitors(order, Kit(agent.home)))


def strangers(agent: Agent, order: Order) -> None:
    from cinestream_ops.agent import strangers

    agent.tell("strangers", **strangers.strangers(order))


def logs(agent: Agent, order: Order) -> None:
    from cinestream_ops.agent import logs

    logs.stream(order, agent.wire)
    agent.tell("done")


def run(agent: Agent, order: Order) -> None:
    from cinestream_ops.agent import run

    agent.tell("ended", code=run.stream(order, agent.wire))


def backup(agent: Agent, order: Order) -> None:
    from cinestream_ops.agent import backup

    agent.tell("backup", **backup.answer(order, agent.wire, agent.home))


def history(agent: Agent, _: Order) -> None:
    agent.tell("history", entries=record.history(agent.home))


def journal(agent: Agent, _: Order) -> None:
    from cinestream_ops.agent import journal

    header, way_back = journal.read(agent.home / "journal")
    agent.tell("journal", header=header, steps=[step.key for step in way_back])


def examine(agent: Agent, order: Order) -> None:
    from cinestream_ops.agent import accounts, examine

    keyless = accounts.shut_out() if order.get("keys") else ()
    agent.tell("findings", findings=[*examine.examine(order.get("wait", 0)), *keyless])


def inbound(agent: Agent, _: Order) -> None:
    from cinestream_ops.agent import inbound

    agent.tell("inbound", **inbound.inbound())


def check_domain(agent: Agent, order: Order) -> None:
    from cinestream_ops.agent import domains, served

    kit = Kit(agent.home, agent.tell, stops=agent.wire.stops)
    agent.tell("findings", findings=served.shown(domains.check(order["names"]), kit))


def clear_up(agent: Agent, order: Order) -> None:
    from cinestream_ops.agent import leftovers, recover

    kit = Kit(agent.home, agent.tell, stops=agent.wire.stops)
    holder = {"who": order["who"], "doing": order["doing"]}
    recover.clear_up(agent.home, holder, order["wait"], kit)
    agent.tell("leftovers", leftovers=leftovers.told(agent.home))


QUESTIONS: Dict[str, Callable[[Agent, Order], None]] = {
    "read": read,
    "status": status,
    "visitors": visitors,
    "strangers": strangers,
    "logs": logs,
    "run": run,
    "backup": backup,
    "history": history,
    "journal": journal,
    "examine": examine,
    "inbound": inbound,
    "check-domain": check_domain,
    "clear-up": clear_up,
}
