"""
What this machine sent to which server: the owner's word for the source of a site.

One TOML file of the owner's; a server can neither read nor change it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cinestream_ops.channel import inventory
from cinestream_ops.channel.target import SSH_PORT, Target
from cinestream_ops.errors import OpsError

FILE = "deployed.toml"
HEAD = "# What this machine deployed, and where to: `cinestream deploy` asks about anything else.\n"


@dataclass(frozen=True)
class Sent:
    """A directory in full, or the address of a git repository and its branch, tag or commit."""

    source: str
    ref: str = ""


def known(env: Mapping[str, str], target: Target, site: str) -> Sent | None:
    """What this machine sent as *site* the last time; raises `OpsError` for a damaged file."""
    found = _read(inventory.directory(env) / FILE).get(_address(target), {}).get(site)
    return Sent(**found) if found else None


def remember(env: Mapping[str, str], target: Target, sent: Mapping[str, Sent]) -> None:
    """Keep what was *sent*, by the site; raises `OpsError` where that cannot be written."""
    import tomli_w

    path = inventory.directory(env) / FILE
    try:
        with inventory.alone(path.parent):
            table = _read(path)
            there = table.setdefault(_address(target), {})
            there.update({site: asdict(each) for site, each in sent.items()})
            inventory.replaced(path, HEAD + tomli_w.dumps(table))
    except OSError as error:
        raise OpsError(f"`{path}` cannot be written: {error.strerror}") from None


def _address(target: Target) -> str:
    """Of the server, not its name, which may come to be another's."""
    return f"{target.host}:{target.port or SSH_PORT}"


def _read(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise OpsError(f"`{path}` cannot be read: {why}") from None
    except tomllib.TOMLDecodeError as error:
        raise OpsError(f"`{path}` is not TOML: {error}", "mend it, or remove it") from None
    if not all(map(_is_sound, table.values())):
        raise OpsError(f"`{path}` is not as cinestream wrote it", "mend it, or remove it")
    return table


def _is_sound(sites: object) -> bool:
    return isinstance(sites, dict) and all(
        isinstance(each, dict)
        and "source" in each
        and each.keys() <= {"source", "ref"}
        and all(isinstance(word, str) for word in each.values())
        for each in sites.values()
    )
