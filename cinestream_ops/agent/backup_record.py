"""
What is remembered of the backups that this server makes by itself: the last one, and the last good.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Dict, Mapping

from cinestream_ops.agent import systemd
from cinestream_ops.state import paths

FOLDER = "backups"
NOTHING: Dict[str, Any] = {
    "began": 0.0, "ended": 0.0, "good": 0.0, "folder": "", "why": "", "missing": [],
}  # fmt: skip
PROPERTIES = ("ActiveState", "Result")
AT_WORK = {"activating", "active", "deactivating"}

Record = Dict[str, Any]


def read(home: Path, site: str) -> Record:
    """
    Times in seconds of the epoch, 0 for never.

    *folder* is that of the last good one, *missing* the stores that are not in it.
    """
    try:
        return {**NOTHING, **json.loads((home / FOLDER / f"{site}.json").read_text())}
    except (OSError, ValueError):
        return dict(NOTHING)


def write(home: Path, site: str, **more: Any) -> None:
    path = home / FOLDER / f"{site}.json"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({**read(home, site), **more}))
    draft.rename(path)


def standing(home: Path, units: Mapping[str, str]) -> Dict[str, Record]:
    """By site, its record and what systemd says of the service among *units* that makes it."""
    shown = systemd.show(list(units.values()), PROPERTIES)
    return {
        site: {
            **read(home, site),
            "running": shown.get(unit, {}).get("ActiveState") in AT_WORK,
            "result": shown.get(unit, {}).get("Result", ""),
            "since": since(unit),
        }
        for site, unit in units.items()
    }


def since(unit: str) -> float:
    """When the service *unit* was made as it is."""
    try:
        return Path(paths.UNITS, unit).stat().st_mtime
    except OSError:
        return time.time()
