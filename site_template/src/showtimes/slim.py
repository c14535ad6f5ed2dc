"""
Flask and pymongo, imported without what a worker has no use for: some 4 MiB in each of many.

It must come before all others that import them.  What is left out is found whole by whoever
imports it afterwards.
"""

from __future__ import annotations

import importlib
from types import ModuleType, SimpleNamespace

from cinestream_worker.library import stand_ins


def holding(module: str, **names: object) -> ModuleType:
    """A stand-in for *module* with the *names* that are imported from it."""
    made = ModuleType(module)
    vars(made).update(names)
    return made


def no_commands() -> SimpleNamespace:
    return SimpleNamespace(name="", commands={})


LEFT_OUT = (
    # Clients: one of pymongo's for asyncio, one of werkzeug's for tests.
    holding("pymongo.asynchronous.mongo_client", AsyncMongoClient=None),
    holding("werkzeug.test", Client=None),
    # A server for developers, and the command that starts it.
    holding("werkzeug.serving", run_simple=None, is_running_from_reloader=lambda: False),
    holding("flask.cli", AppGroup=no_commands),
    holding("click"),
)

with stand_ins({module.__name__: module for module in LEFT_OUT}):
    for name in ("pymongo", "flask"):
        importlib.import_module(name)
