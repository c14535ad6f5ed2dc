"""
paramiko, imported by those who need it, when they need it.

The one place that decides how; nothing else here may import it at the top of a file.
"""

from __future__ import annotations

import logging
import sys
from threading import Lock
from types import ModuleType

ONE_AT_A_TIME = Lock()
SILENT = logging.NullHandler()


def load_paramiko(*, match_exec: bool = False) -> ModuleType:
    """The library; *match_exec* where ssh_config has a `Match exec`, which takes `invoke`."""
    with ONE_AT_A_TIME:
        if match_exec or not sys.modules.keys().isdisjoint({"paramiko", "invoke"}):
            return _imported()
        return _without_invoke()


def _without_invoke() -> ModuleType:
    """A third of the import's time is `invoke`, which only a `Match exec` ever calls."""
    sys.modules["invoke"] = None  # type: ignore[assignment]
    try:
        return _imported()
    finally:
        del sys.modules["invoke"]


def _imported() -> ModuleType:
    import paramiko

    # What it logs as errors reaches the owner as one sentence, and not as a traceback too.
    logging.getLogger("paramiko").addHandler(SILENT)
    return paramiko
