"""
All that a command imports and prepares, for a process that is forked for each of them.
"""

from cinestream_ops import engine
from cinestream_ops.channel.library import load_paramiko
from cinestream_ops.cli import (
    add_site,
    apply,
    deploy,
    domain,
    edit_site,
    plan,
    remove_site,
    restart,
    rollback,
    setup,
)

COMMANDS = (
    add_site, apply, deploy, domain, edit_site, plan, remove_site, restart, rollback, setup,
)  # fmt: skip

load_paramiko()
engine.prepare()
