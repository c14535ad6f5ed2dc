"""
`cinestream env`: the variables of a site.  What is secret is never shown, nor taken from argv.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from cinestream_ops.cli import change, confirm, files, session, show, words
from cinestream_ops.cli.options import (
    NONE,
    Changing,
    FromFile,
    Keys,
    Reading,
    SecretKeys,
    Settings,
    SiteName,
)
from cinestream_ops.cli.session import Session
from cinestream_ops.engine import Carried
from cinestream_ops.errors import NotFound, OpsError
from cinestream_ops.spec import toml
from cinestream_ops.spec.names import EnvValue, GivenName
from cinestream_ops.spec.secret import Secret
from cinestream_ops.spec.site import Site
from cinestream_ops.state import paths

COLUMNS = {"key": "key", "value": "value", "kind": "kind"}
MASK = "•••"


def set_(
    name: SiteName,
    asked: Changing,
    settings: Settings = NONE,
    secret: SecretKeys = NONE,
    from_file: FromFile = None,
) -> None:
    """
    Set variables of a site, and restart its workers.

    A secret's value is asked for, or read with --from-file, or from stdin for `-`.
    """
    source = files.STDIN if "-" in settings else from_file
    plain = dict(map(setting, (each for each in settings if each != "-")))
    hidden = {key: value(key, source) for key in secrets(secret, plain, source)}
    with session.opened(asked) as host:
        site = edited(host.site(name), plain, list(hidden))
        given = {f"{name}/{key}": each for key, each in hidden.items()}
        make(host, site, asked, f"env set {name} {' '.join((*plain, *hidden))}", given)


def setting(text: str) -> tuple[str, str]:
    key, equals, given = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"`{text}` is not `KEY=VALUE`; for a secret, use `--secret KEY`")
    return words.checked(GivenName, key), words.checked(EnvValue, given)


def secrets(keys: Sequence[str], plain: dict[str, str], source: Path | None) -> list[str]:
    """The names of the secrets, none of which may have come with its value."""
    for key in keys:
        if "=" in key:
            raise OpsError(
                f"the value of `{key.partition('=')[0]}` was typed where every user can read it",
                "write `--secret KEY` alone; the value is asked for, or read with `--from-file`",
            )
    if not (keys or plain):
        raise typer.BadParameter("name a `KEY=VALUE`, or `--secret KEY`")
    if source and len(keys) != 1:
        raise typer.BadParameter("a file or stdin holds the value of one `--secret KEY`")
    return [words.checked(GivenName, key) for key in keys]


def value(key: str, source: Path | None) -> Secret:
    if source is None:
        return confirm.secret(key)
    # An editor or `echo` ends the last line; the secret does not.
    return Secret(words.checked(EnvValue, files.text(source).removesuffix("\n").removesuffix("\r")))


def edited(site: Site, plain: dict[str, str], hidden: list[str]) -> Site:
    """*site* with these variables; what becomes a secret is plain no longer, and vice versa."""
    env = {key: each for key, each in (site.env | plain).items() if key not in hidden}
    names = sorted({*site.secrets, *hidden} - set(plain))
    return toml.edited(site, {"env": env, "secrets": names})


def make(host: Session, site: Site, asked: Changing, doing: str, given: dict[str, Secret]) -> None:
    wanted = host.house.with_site(site)
    change.make(host, wanted, asked, doing=doing, only={site.name}, carried=Carried(secrets=given))


def unset(name: SiteName, keys: Keys, asked: Changing) -> None:
    """Unset variables of a site, and restart its workers."""
    with session.opened(asked) as host:
        site = host.site(name)
        for key in keys:
            if key not in {*site.env, *site.secrets}:
                hint = f"`cinestream env list {name}` tells what is set"
                raise NotFound(f"`{key}` is not set for `{name}`", hint)
        env = {key: each for key, each in site.env.items() if key not in keys}
        names = [key for key in site.secrets if key not in keys]
        changed = toml.edited(site, {"env": env, "secrets": names})
        make(host, changed, asked, f"env unset {name} {' '.join(keys)}", {})


def list_(name: SiteName, asked: Reading) -> None:
    """List the variables of a site; of secrets, only their names."""
    with session.opened(asked) as host:
        site = host.site(name)
        fact = host.found.facts.items.get(f"env:{paths.SITES}/{name}/.env") or {}
    show.rows(list(rows(site, fact)), COLUMNS, as_json=asked.as_json)


def rows(site: Site, fact: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key, each in sorted((dict(site.env) | fact.get("plain", {})).items()):
        kind = "plain" if key in site.env else "cinestream"
        yield {"key": key, "value": each, "kind": kind}
    for key in sorted({*site.secrets, *fact.get("hidden", [])}):
        kind = "secret" if key in site.secrets else "on the server"
        yield {"key": key, "value": MASK, "kind": kind}


COMMANDS = {"set": set_, "unset": unset, "list": list_}
