"""
Whether an earlier change was cut off, and the agent that wrote its journal to walk it.

A journal is walked by no other version than that, and never while somebody holds the lock.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Optional

from cinestream_ops.agent import lock

JOURNAL, COMMITTED, AGENT = "journal", "committed", "agent"
PATIENCE = 600  # seconds; it restarts workers in batches

Recovered = Optional[Dict[str, Any]]


def writer(home: Path) -> Optional[Path]:
    """The agent that a change left in *home*, if one was left at all."""
    found = [home / folder / AGENT for folder in (JOURNAL, COMMITTED)]
    return next((path for path in found if path.exists()), None)


def undone(home: Path) -> Recovered:
    """Who was doing what when it broke off, and what was undone; None if all is well."""
    agent = writer(home)
    if not agent or not lock.free(home):
        return None
    argv = [sys.executable, "-I", "-S", str(agent), "recover", str(home)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, timeout=PATIENCE, check=True)
    found: Recovered = json.loads(done.stdout)
    return found
