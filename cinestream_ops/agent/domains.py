"""
Whether a domain leads to this server, as the world sees it: DNS, CAA, and a token over HTTP.

It asks no ACME authority, so it may be run at any time.
"""

from __future__ import annotations

import http.client
import re
import secrets
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple
from urllib.parse import urlsplit

from cinestream_ops.agent import machine, tools, trees
from cinestream_ops.agent.dns_program import PROGRAM
from cinestream_ops.state import paths

CHALLENGES = ".well-known/acme-challenge"
LETS_ENCRYPT = "letsencrypt.org"
PATIENCE = 10  # seconds for one answer over HTTP
CAA = re.compile(r'(\d+) (\w+) "?([^"]*)"?')
Finding = Dict[str, Any]


def check(names: Sequence[str], issuers: Sequence[str] = (LETS_ENCRYPT,)) -> List[Finding]:
    """
    One finding for each of *names*: `a`, `aaaa`, `caa`, the `token` as each address answered it,
    and `why` and `hint`, empty if all is well.
    """
    answers = tools.ask("the DNS", PROGRAM, {"names": list(names)}, 60 * len(names))
    with token(paths.WEBROOT) as (path, text):
        return [examined(name, answers[name], path, text, issuers) for name in names]


def examined(
    name: str, dns: Dict[str, Any], path: str, text: str, issuers: Sequence[str]
) -> Finding:
    addresses = [*dns.get("a", ()), *dns.get("aaaa", ())]
    tokens = {address: fetched(address, name, path, text) for address in addresses}
    finding = {"a": [], "aaaa": [], "caa": [], **dns, "name": name, "token": tokens}
    why, hint = trouble(name, finding, issuers)
    return {**finding, "why": why, "hint": hint}


def trouble(name: str, found: Finding, issuers: Sequence[str]) -> Tuple[str, str]:
    """The first thing that keeps *name* from having a certificate, and what to change."""
    ours = ", ".join(f"`{address}`" for address in machine.addresses())
    point = f"have an A record for `{name}` that leads to this server ({ours})"
    if "error" in found:
        return f"the DNS has no answer for `{name}`: {found['error']}", "look at its nameservers"
    if not found["token"]:
        return f"`{name}` has no A or AAAA record", point
    for address, wrong in found["token"].items():
        if wrong:
            kind = "AAAA" if ":" in address else "A"
            told = f"`{name}` leads to `{address}` ({kind}), where {wrong}"
            return told, f"{point}, and remove records that lead elsewhere"
    if not permitted(found["caa"], issuers):
        told = ", ".join(f"`{row}`" for row in found["caa"])
        allow = f'`0 issue "{(*issuers, LETS_ENCRYPT)[0]}"`'
        return f"the CAA records of `{name}` forbid it: {told}", f"add {allow}, or remove them"
    return "", ""


def permitted(rows: Sequence[str], issuers: Sequence[str]) -> bool:
    """Whether CAA *rows* let one of *issuers* (any, if none is known) issue (RFC 8659)."""
    found = [match.groups() for match in map(CAA.fullmatch, rows) if match]
    known = {"issue", "issuewild", "iodef", "issuemail", "contactemail", "contactphone"}
    if any(int(flags) & 128 and tag.lower() not in known for flags, tag, _ in found):
        return False
    values = [value for _, tag, value in found if tag.lower() == "issue"]
    named = {value.split(";")[0].strip().lower() for value in values}
    return not named or bool(named & set(issuers)) or (not issuers and named != {""})


def identities(directory: str, meta: Dict[str, Any]) -> List[str]:
    """The names by which CAA records know the authority at *directory* (RFC 8555, 7.1.1)."""
    host = urlsplit(directory).hostname or ""
    told = [str(name).lower() for name in meta.get("caaIdentities", ())]
    return told or ([LETS_ENCRYPT] if host.endswith(f".{LETS_ENCRYPT}") else [])


@contextmanager
def token(webroot: str) -> Iterator[List[str]]:
    """A path below *webroot* that nobody can guess, and the text that is found there meanwhile."""
    path = Path(webroot, CHALLENGES, f"cinestream-{secrets.token_urlsafe(16)}")
    text = secrets.token_urlsafe(32)
    trees.parents(path)
    path.write_text(text)
    path.chmod(0o644)
    try:
        yield [f"/{CHALLENGES}/{path.name}", text]
    finally:
        path.unlink()


def fetched(address: str, name: str, path: str, expected: str) -> str:
    """What was wrong with the answer of *address* for *name*; empty if it was the token."""
    found = ip_address(address)
    if found.is_loopback or found.is_link_local or found.is_unspecified:
        # It would be this server that answers us here, and another one, or none, elsewhere.
        return "nobody else can reach it"
    connection = http.client.HTTPConnection(address, 80, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"Host": name, "User-Agent": "cinestream"})
        answer = connection.getresponse()
        body = answer.read(1000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return f"nobody answers on port 80: {error or type(error).__name__}"
    finally:
        connection.close()
    if answer.status == 200 and body == expected:
        return ""
    if answer.status == 200:
        return "another server answers: not with the token that this one holds"
    return f"the answer to our token was {answer.status} {answer.reason}"
