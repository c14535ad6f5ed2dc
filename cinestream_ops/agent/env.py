"""
The `.env` of a site: merged where it is, since most of what is in it never leaves the server.

It may not tell, log or journal a value that is not plain.
"""

from __future__ import annotations

import hmac
import os
import re
import stat
from base64 import urlsafe_b64encode
from contextlib import suppress
from typing import Dict, Iterable, Iterator, Optional, Sequence
from urllib.parse import parse_qsl, quote, urlencode

from cinestream_ops.agent import disk, dotenv, place
from cinestream_ops.agent.kit import Kit
from cinestream_ops.agent.place import Place
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state import paths
from cinestream_ops.state.items import EnvFile, Fact, File, Item
from cinestream_ops.state.steps import PUT, Step

SECRETS = "# Secrets: never shown\n"
ADMIN_KEY, ELSEWHERE_KEY = "MONGODB_ADMIN_URI", "MONGODB_ELSEWHERE_URI"
LOCAL = "mongodb://127.0.0.1:27017"
URI = re.compile(r"(mongodb(?:\+srv)?)://(?:([^@/]*)@)?([^/?]+)(?:/[^?]*)?(?:\?(.*))?")
# Of this conversation alone: a seal tells that a file changed, and nothing about what is in it.
KEY = os.urandom(32)
MOST = 16 << 20  # bytes
SHORTEST = 6  # characters; to hide a shorter secret would hide ordinary words too

back, sweep = disk.back, disk.sweep


def look(found: Sequence[EnvFile]) -> Dict[str, Fact]:
    return {item.key: disk.standing(item, told) for item in found}


def told(item: EnvFile, here: Place, found: os.stat_result) -> Fact:
    """Values are told of the keys that *item* itself names as plain; of others, the names."""
    if not is_read(found):
        return disk.other(found)
    content = here.content(MOST)
    values, shown = dotenv.parse(as_text(content)), dict(item.plain)
    return {
        **place.mark(found),
        "plain": {key: value for key, value in values.items() if key in shown},
        "hidden": sorted(values.keys() - shown.keys()),
        "seal": hmac.new(KEY, content, "sha256").hexdigest(),
    }


def do(step: Step, kit: Kit) -> None:
    item = step.item
    if step.verb != PUT or not isinstance(item, EnvFile):
        disk.do(step, kit)
        return
    content = merged(item, text(item.path), kit)
    disk.do(Step(PUT, File(item.path, content, item.mode, item.owner, item.group)), kit)


def merged(item: EnvFile, old: str, kit: Kit) -> bytes:
    """Plain keys first; then the secret ones, and those that somebody added by hand."""
    plain, found = dict(item.plain), dotenv.entries(old)
    hidden = {
        key: entry for key, entry in found.items() if key not in plain and key not in item.dropped
    }
    values = dotenv.parse(old)
    for key, recipe in item.generated:
        if not values.get(key):
            hidden[key] = dotenv.entry(key, generated(recipe, item))
    for key in item.secrets:
        if key in item.given:
            hidden[key] = dotenv.entry(key, kit.blob(f"secret:{key}").decode())
        elif key not in hidden:
            raise Refused(f"the secret `{key}` is not on the server", "give it with the command")
    lines = dotenv.dump(plain) + SECRETS + "".join(f"{entry}\n" for entry in hidden.values())
    return lines.encode(errors="surrogateescape")


def generated(recipe: str, item: EnvFile) -> str:
    """A new value by *recipe*: `token`, or `mongodb-uri DATABASE USER`."""
    name, *words = recipe.split()
    if name == "token" and not words:
        return token()
    if name == "mongodb-uri" and len(words) == 2:
        return mongodb_uri(LOCAL if item.path == paths.MONGODB_ENV else admin(), *words)
    raise Refused(f"`{recipe}` is not a recipe for a secret")


def admin() -> str:
    """The URI of the administrator of the MongoDB in use; empty if there is none."""
    return value(paths.MONGODB_ENV, ELSEWHERE_KEY) or value(paths.MONGODB_ENV, ADMIN_KEY)


def token() -> str:
    """43 characters, of which none means anything in a URL: 256 bits."""
    return urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


def mongodb_uri(admin: str, database: str, user: str) -> str:
    """The URI of *user*, who is known to *database* itself, on the servers of the *admin* URI."""
    found = URI.fullmatch(admin)
    if not found:
        raise Refused(f"`{ADMIN_KEY}` is not in `{paths.MONGODB_ENV}`", "run `cinestream setup`")
    scheme, _, hosts, options = found.groups("")
    kept = urlencode([pair for pair in parse_qsl(options) if pair[0].lower() != "authsource"])
    start = f"{scheme}://{quote(user, safe='')}:{token()}@{hosts}/{quote(database, safe='')}"
    return f"{start}?{kept}" if kept else start


def value(path: str, key: str) -> str:
    """What the `.env` at *path* has for *key*; empty if it has nothing."""
    return dotenv.parse(text(path)).get(key, "")


def text(path: str) -> str:
    """What the file at *path* holds; empty if there is none that is read."""
    try:
        with Place(path) as here:
            return as_text(here.content(MOST)) if is_read(here.stat()) else ""
    except FileNotFoundError:
        return ""


def is_read(found: Optional[os.stat_result]) -> bool:
    """Not so of what a site may have put there to keep us busy: it owns the file."""
    return bool(found and stat.S_ISREG(found.st_mode) and found.st_size <= MOST)


def as_text(content: bytes) -> str:
    return content.decode(errors="surrogateescape")


def scrubbed(words: str, found: Iterable[Item]) -> str:
    """*words* without any hidden value of the `.env` files among the items *found*."""
    secret = {value for item in found for value in hidden(item)}
    for value in sorted(secret, key=len, reverse=True):
        words = words.replace(value, "…")
    return words


def hidden(item: Item) -> Iterator[str]:
    """Secret values, and the passwords inside those that are URIs."""
    if not isinstance(item, EnvFile):
        return
    plain, found = dict(item.plain), ""
    with suppress(Refused):  # what is in its place holds no secret of ours
        found = text(item.path)
    for key, value in dotenv.parse(found).items():
        if key not in plain and len(value) >= SHORTEST:
            yield value
            uri = URI.fullmatch(value)
            password = (uri[2] or "").partition(":")[2] if uri else ""
            if len(password) >= SHORTEST:
                yield password
