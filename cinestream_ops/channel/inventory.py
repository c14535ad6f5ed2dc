"""
The servers this owner knows by name.

One TOML file of the owner's; nothing here talks to a server.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cinestream_ops.channel import ssh_config
from cinestream_ops.channel.target import LOCAL, Target, named, parse, spoken, this_machine
from cinestream_ops.errors import NotFound, OpsError
from cinestream_ops.state import paths

FILE = "servers.toml"
HEAD = (
    "# The servers `cinestream` knows: `cinestream server add|remove|use` write this file anew.\n"
)
KEYS = {each.name: type(each.default) for each in fields(Target) if each.name != "name"}
WAIT = 10.0


@dataclass(frozen=True)
class Inventory:
    """What the file held when it was read; every verb answers with what it holds now."""

    path: Path
    servers: Mapping[str, Target] = field(default_factory=dict)
    default: str = ""

    def get(self, name: str) -> Target:
        """Raises `NotFound`, which names what is close."""
        if name in self.servers:
            return self.servers[name]
        raise NotFound(f"there is no server `{name}`", self._instead_of(name))

    def add(self, target: Target) -> Inventory:
        """Raises `OpsError` when the name is taken."""
        named(target.name)

        def added(now: Inventory) -> Inventory:
            if target.name in now.servers:
                hint = f"`cinestream server remove {target.name}` forgets the old one"
                raise OpsError(f"there is a server `{target.name}` already", hint)
            return replace(now, servers={**now.servers, target.name: target})

        return self._changed(added)

    def remove(self, name: str) -> Inventory:
        """Forgets the server; touches nothing on it. Raises `NotFound`."""

        def removed(now: Inventory) -> Inventory:
            gone = now.get(name)
            rest = {key: each for key, each in now.servers.items() if each is not gone}
            return replace(now, servers=rest, default="" if now.default == name else now.default)

        return self._changed(removed)

    def use(self, name: str) -> Inventory:
        """Makes it the one that commands talk to unasked. Raises `NotFound`."""
        return self._changed(lambda now: replace(now, default=now.get(name).name))

    def _changed(self, change: Callable[[Inventory], Inventory]) -> Inventory:
        with alone(self.path.parent):
            changed = change(_read(self.path))
            _write(changed)
            return changed

    def _instead_of(self, name: str) -> str:
        close = get_close_matches(name, self.servers, n=3) or sorted(self.servers)
        if not close:
            return "none is known yet: `cinestream server add NAME USER@HOST`"
        return f"did you mean {' or '.join(f'`{each}`' for each in close)}?"


def load(env: Mapping[str, str]) -> Inventory:
    """The owner's servers; an empty inventory where there is no file. Raises `OpsError`."""
    return _read(directory(env) / FILE)


def resolve(
    asked: str | None, env: Mapping[str, str], house: str = paths.SPECS, ssh: str = ""
) -> Target:
    """
    The server that a command talks to, by *ssh* (`--ssh`), else `CINESTREAM_SSH`, else as the
    inventory says.

    What was *asked* for (`--server`), else `CINESTREAM_SERVER`, else the inventory's default,
    else its only entry, else this machine when root runs the command where *house* is.
    """
    return spoken(chosen(asked, env, house), ssh or env.get("CINESTREAM_SSH", ""))


def chosen(asked: str | None, env: Mapping[str, str], house: str) -> Target:
    if word := asked or env.get("CINESTREAM_SERVER", ""):
        return _found(word, env)
    known = load(env)
    if known.default or len(known.servers) == 1:
        return known.get(known.default or next(iter(known.servers)))
    if not known.servers and os.geteuid() == 0 and Path(house).is_dir():
        return this_machine()
    raise _undecided(known)


def _undecided(known: Inventory) -> OpsError:
    if not known.servers:
        return OpsError(
            "there is no server to talk to",
            "`cinestream server add NAME USER@HOST` remembers one; `--server USER@HOST` names "
            f"one for once, and `--server {LOCAL}` is this machine",
        )
    names = ", ".join(f"`{name}`" for name in sorted(known.servers))
    return OpsError(
        f"which server: {names}?", "name it with `--server NAME`, or `cinestream server use NAME`"
    )


def _found(word: str, env: Mapping[str, str]) -> Target:
    if word == LOCAL:
        return this_machine()
    known = load(env)
    if word in known.servers:
        return known.servers[word]
    if word == "localhost" or re.search(r"[@:.\[]", word) or word in ssh_config.aliases():
        return parse(word)
    return known.get(word)


def directory(env: Mapping[str, str]) -> Path:
    """Where the owner's own settings are."""
    if own := env.get("CINESTREAM_CONFIG"):
        return Path(own)
    home = env.get("XDG_CONFIG_HOME") or f"{env.get('HOME', '~')}/.config"
    return Path(home).expanduser() / "cinestream"


def _read(path: Path) -> Inventory:
    try:
        text = path.read_text()
        table = tomllib.loads(text)
    except FileNotFoundError:
        return Inventory(path)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise OpsError(f"`{path}` cannot be read: {why}") from None
    except (ValueError, RecursionError) as error:
        raise OpsError(f"`{path}` is not TOML: {error}", "mend it, or remove it") from None
    return _Reader(path, text).inventory(table)


class _Reader:
    """Turns the parsed file into targets, and knows the line of what it does not like."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def inventory(self, table: dict[str, Any]) -> Inventory:
        if unknown := sorted(table.keys() - {"default", "servers"}):
            raise self._fault(f"nobody reads `{unknown[0]}`", unknown[0])
        servers, default = table.get("servers", {}), table.get("default", "")
        if not isinstance(servers, dict):
            raise self._fault("`servers` must be a table", "servers")
        found = {name: self._target(name, entry) for name, entry in servers.items()}
        if default and default not in found:
            raise self._fault(f"the default `{default}` is not among the servers", "default")
        return Inventory(self._path, found, default)

    def _target(self, name: str, entry: object) -> Target:
        if not isinstance(entry, dict):
            raise self._fault(f"`servers.{name}` must be a table", name)
        for key, value in entry.items():
            if key not in KEYS:
                raise self._fault(f"nobody reads `{key}` of `{name}`", key, name)
            if type(value) is not KEYS[key]:
                kind = "a number" if KEYS[key] is int else "text in quotes"
                raise self._fault(f"`{key}` of `{name}` must be {kind}", key, name)
            if isinstance(value, int) and not 0 <= value < 65536:
                raise self._fault(f"`{key}` of `{name}` must be a port", key, name)
            if isinstance(value, str) and "\0" in value:
                raise self._fault(f"`{key}` of `{name}` has a NUL in it", key, name)
        return Target(name, **entry)

    def _fault(self, what: str, key: str, server: str = "") -> OpsError:
        hint = f"mend it, or remove it; `{self._path.name}` holds `default` and `[servers.NAME]`"
        return OpsError(f"`{self._path}`, line {self._line(key, server)}: {what}", hint)

    def _line(self, key: str, server: str) -> int:
        head = re.compile(rf"\s*\[.*\b{re.escape(server)}\b.*\]")
        start = next((i for i, line in enumerate(self._lines) if server and head.match(line)), 0)
        there = re.compile(rf"[\s\[\"'.\w-]*\b{re.escape(key)}\b")
        rest = enumerate(self._lines[start:], start + 1)
        return next((number for number, line in rest if there.match(line)), start + 1)


def _write(inventory: Inventory) -> None:
    import tomli_w

    servers = {name: _entry(each) for name, each in sorted(inventory.servers.items())}
    head = {"default": inventory.default} if inventory.default else {}
    text = HEAD + tomli_w.dumps({**head, "servers": servers})
    replaced(inventory.path, text)


def replaced(path: Path, text: str) -> None:
    """Old or new, never half: beside the file, then renamed over it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    with draft.open("w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)


def _entry(target: Target) -> dict[str, Any]:
    plain = Target("")
    return {
        key: value
        for key, value in asdict(target).items()
        if key in KEYS and value != getattr(plain, key)
    }


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds the directory's own lock, so that no lock file is left behind."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise OpsError(f"`{folder}` cannot be used: {error.strerror}") from None
    try:
        _lock(handle, folder)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, directory: Path) -> None:
    deadline = time.monotonic() + WAIT
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                why = f"`{directory}` has been locked by another command for {WAIT:.0f} s"
                raise OpsError(why, "see what it waits for, then try again") from None
            time.sleep(0.02)
        else:
            return
