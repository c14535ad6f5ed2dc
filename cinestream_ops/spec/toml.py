"""
Specs as text: read from TOML with every fault told, and written so that equal specs are equal text.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from pydantic import ValidationError

from cinestream_ops.errors import BadSpec, Fault
from cinestream_ops.spec import migrations
from cinestream_ops.spec.faults import faults, keys_told, quoted, safe
from cinestream_ops.spec.house import House, clashes
from cinestream_ops.spec.model import Model
from cinestream_ops.spec.names import SiteName
from cinestream_ops.spec.server import Server
from cinestream_ops.spec.site import Site
from cinestream_ops.spec.words import NotAllowed

M = TypeVar("M", bound=Model)
Table = Mapping[str, Any]

# Of these, false is a choice; of all others it is what nobody asked for.
TRUE_BY_DEFAULT = frozenset({"database", "inbound", "sshd", "unattended_upgrades"})
SITE_HEAD = (
    "# The site {name}, as it was asked for: change it here, then `cinestream apply {name}`.\n"
)
SERVER_HEAD = "# The server, as it was asked for: change it here, then `cinestream apply`.\n"


class Reader:
    """Reads tables; `faults` holds all that was wrong."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def table(self, where: str, text: str) -> Table:
        try:
            return parsed(text)
        except tomllib.TOMLDecodeError as error:
            self.faults.append(syntax(where, str(error)))
            return {}

    def model(self, kind: type[M], where: str, table: object, **given: Any) -> M | None:
        """*table* as a *kind*; the keys *given* by the address may not stand in the table."""
        values = self.values(where, table, given)
        try:
            return kind.model_validate(values) if values is not None else None
        except ValidationError as error:
            self.faults += faults(error, kind, where)
            return None

    def values(self, where: str, table: object, given: Table) -> Table | None:
        if not isinstance(table, Mapping):
            self.faults.append(Fault(where, f"{quoted(table)} is not a table"))
            return None
        for key in sorted(given.keys() & table.keys()):
            hint = f"a site is named by its address, here `{where}`"
            self.faults.append(Fault(f"{where}/{key}", "nobody reads this key", hint))
        return {**table, **given}

    def site(self, name: str, table: object) -> Site | None:
        where = f"sites/{safe(name)}"
        try:
            SiteName(name)
        except NotAllowed as error:
            self.faults.append(Fault(where, f"{quoted(name)} {error}", error.hint))
            return None
        return self.model(Site, where, table, name=name)

    def house(self, server: Server | None, sites: Mapping[str, Site | None]) -> House:
        """Raises BadSpec with every fault so far, and those between sites."""
        good = {name: site for name, site in sorted(sites.items()) if site}
        house = House(server, good)
        self.faults += clashes(house)
        self.refuse()
        return house

    def refuse(self) -> None:
        if self.faults:
            raise BadSpec(self.faults)


def load(
    specs: Mapping[str, str], migrating: migrations.Migrations = migrations.MIGRATIONS
) -> House:
    """
    The house that the files of a server describe, by their path below `/etc/cinestream`.

    Raises BadSpec with all faults in all files, and OpsError if a later version wrote them.
    """
    reader = Reader()
    texts = {path.removesuffix(".toml"): text for path, text in sorted(specs.items())}
    tables = dict(readable(texts))
    migrations.refuse_newer(tables)
    tables = migrations.migrated(tables, migrating)
    server, sites = None, {}
    for where, text in texts.items():
        if where not in tables:
            reader.table(where, text)  # It says why.
        elif where == "server":
            server = reader.model(Server, where, tables[where])
        else:
            name = where.removeprefix("sites/")
            sites[name] = reader.site(name, tables[where])
    return reader.house(server, sites)


def readable(texts: Mapping[str, str]) -> Iterator[tuple[str, Table]]:
    """The tables in those of *texts* that are TOML."""
    for where, text in texts.items():
        with suppress(tomllib.TOMLDecodeError):
            yield where, parsed(text)


def parse_file(text: str, where: str = "") -> House:
    """The house in one file, of `[server]` and `[sites.NAME]`; raises BadSpec with all faults."""
    reader = Reader()
    table = reader.table(where, text)
    for key in sorted(table.keys() - {"server", "sites"}):
        hint = keys_told(key, ["server", "sites"])
        reader.faults.append(Fault(safe(key), "nobody reads this key", hint))
    server = reader.model(Server, "server", table["server"]) if "server" in table else None
    named = reader.values("sites", table.get("sites", {}), {}) or {}
    return reader.house(server, {name: reader.site(name, each) for name, each in named.items()})


def site(name: str, table: Table) -> Site:
    """The site *name* with the keys in *table*; raises BadSpec with all faults."""
    reader = Reader()
    found = reader.site(name, table)
    reader.refuse()
    assert found
    return found


def server(table: Table) -> Server:
    """The server with the keys in *table*; raises BadSpec with all faults."""
    reader = Reader()
    found = reader.model(Server, "server", table)
    reader.refuse()
    assert found
    return found


def edited(was: Site, changes: Table) -> Site:
    """*was* with some keys changed; None takes a key back to its default.  Raises BadSpec."""
    kept = {key: value for key, value in told(was).items() if key not in changes}
    return site(
        was.name, {**kept, **{key: value for key, value in changes.items() if value is not None}}
    )


def edited_server(was: Server, changes: Table) -> Server:
    """*was* with some keys changed; None takes a key back to its default.  Raises BadSpec."""
    kept = {key: value for key, value in told(was).items() if key not in changes}
    return server({**kept, **{key: value for key, value in changes.items() if value is not None}})


def dump_site(site: Site) -> str:
    return SITE_HEAD.format(name=site.name) + dump(told(site))


def dump_server(server: Server) -> str:
    return SERVER_HEAD + dump(told(server))


def dump(table: Table) -> str:
    import tomli_w

    return tomli_w.dumps(table)


def told(model: Model) -> dict[str, Any]:
    """
    *model* as a table: every choice, also one that agrees with the default, so that another
    version's defaults change no site; but nothing that is merely empty.
    """
    fields = type(model).model_fields
    values = {name: plain(value) for name, value in model if not fields[name].exclude}
    return {name: value for name, value in values.items() if not is_empty(name, value)}


def is_empty(name: str, value: object) -> bool:
    return value in ("", None, [], {}) or (value is False and name not in TRUE_BY_DEFAULT)


def plain(value: Any) -> Any:
    """*value* as TOML has it: words are text, and rows are lists."""
    if isinstance(value, Model):
        return told(value)
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): str(text) for name, text in value.items()}
    return str(value) if isinstance(value, str) else value


def parsed(text: str) -> dict[str, Any]:
    """
    The table in *text*; raises `tomllib.TOMLDecodeError` for whatever is none.

    A whole number has 64 bits (TOML 1.0, "Integer"), which tomllib leaves to us.
    """
    try:
        table = tomllib.loads(text)
        refuse_huge(table)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError("It is nested too deeply") from None
    except ValueError as error:
        raise tomllib.TOMLDecodeError(str(error)) from None
    return table


def refuse_huge(value: object) -> None:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise tomllib.TOMLDecodeError("A number has more than 64 bits")
    for each in inside(value):
        refuse_huge(each)


def inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def syntax(where: str, message: str) -> Fault:
    """A syntax error in tomllib's words, with the line first."""
    found = re.search(
        r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", message, re.DOTALL
    )
    what, line, column = found.groups() if found else (message, None, None)
    place = f"line {line}, column {column}" if line else "the end of the file"
    return Fault(where, f"{place} is not TOML: {what[:1].lower()}{what[1:]}", "text goes in quotes")
