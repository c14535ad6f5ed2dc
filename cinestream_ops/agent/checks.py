"""
Commands that must succeed before a change goes live.

What they say is told when they fail, without the secrets that they were given.
"""

from __future__ import annotations

from cinestream_ops.agent import dotenv, env
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.refused import Failed, Refused
from cinestream_ops.state import environment
from cinestream_ops.state.items import Check
from cinestream_ops.state.steps import Step

PATIENCE = 120  # seconds


def do(step: Step, kit: Kit) -> None:
    item = step.item
    assert isinstance(item, Check)
    found = dotenv.parse(env.text(item.env_file)) if item.env_file else {}
    values = {name: value for name, value in found.items() if not environment.steers(name)}
    try:
        kit.run(item.argv, PATIENCE, user=item.user, cwd=item.cwd, env=values)
    except Failed as error:
        said = error.said.replace("error: ", "", 1)
        raise Refused(f"the check that {item.what} failed: {said}") from None
