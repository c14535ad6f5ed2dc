"""
The names a site answers to on the network.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from cinestream_ops.spec.words import NotAllowed, Word

# IDNA 2003 (the standard library's) turns these into other names than browsers do (IDNA 2008).
DEVIATIONS = "\u00df\u03c2\u200c\u200d"


class DomainName(Word):
    """
    A public host name, in lower case and in punycode.

    Sources: RFC 1123 section 2.1 (letters, digits, hyphens), RFC 1035 section 2.3.4 (63 and 253
    octets), RFC 3696 section 2 (no numeric top level), RFC 6761 (`localhost`).
    """

    rule = re.compile(
        r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])", re.ASCII
    )
    refusal = "is not a domain name"
    hint = "domain names hold letters, digits, `-` and `.`, as in `blog.example.com`"

    @classmethod
    def spelled(cls, text: str) -> str:
        refuse_what_is_more_than_a_name(text)
        name = punycode(text.lower().removesuffix("."))
        refuse_what_is_no_public_name(name)
        return name


def refuse_what_is_more_than_a_name(text: str) -> None:
    if "://" in text or "/" in text:
        raise NotAllowed("is an address, not a domain name", "leave out `https://` and the path")
    if is_ip(text):
        raise NotAllowed("is an IP address, not a domain name", "write the name that points to it")
    if "*" in text:
        raise NotAllowed(
            "is a wildcard",
            "a wildcard certificate needs a DNS challenge, which cinestream does not do; "
            "name each domain",
        )
    if ":" in text:
        raise NotAllowed("has a port in it", "leave it out: sites answer on 80 and 443")


def refuse_what_is_no_public_name(name: str) -> None:
    if len(name) > 253:
        raise NotAllowed("is over 253 characters", "no domain name can be that long")
    if name == "localhost" or name.endswith(".localhost"):
        raise NotAllowed("never leaves this machine", "write a name that others can look up")
    if re.fullmatch(r"[a-z0-9-]+", name):
        raise NotAllowed("has no dot in it", "write the full name, as in `blog.example.com`")


def is_ip(text: str) -> bool:
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def punycode(text: str) -> str:
    """*text* as the DNS carries it; ASCII comes back as it is."""
    if text.isascii():
        return text
    if any(each in text for each in DEVIATIONS):
        raise NotAllowed(
            "is spelled differently by old and new rules for international names",
            "write it in punycode, as in `xn--fa-hia.example`",
        )
    try:
        return text.encode("idna").decode()
    except UnicodeError:
        raise NotAllowed(DomainName.refusal, DomainName.hint) from None
