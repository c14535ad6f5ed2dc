"""
Words with rules.  Once one exists, nobody downstairs checks it again.
"""

from __future__ import annotations

import re

from cinestream_ops.spec.reserved import ENVIRONMENT, SITE_NAMES
from cinestream_ops.spec.words import NotAllowed, Word
from cinestream_ops.state import environment

# What nginx answers itself, for every site.
KEPT_BACK = frozenset({"/metrics", "/readyz"})


class SiteName(Word):
    """Also a user, a folder, a database and the stem of unit names; hence the narrow rule."""

    rule = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
    refusal = "is not a site name"
    hint = (
        "site names are up to 32 lower-case letters, digits, `_` and `-`, and start with a letter"
    )

    @classmethod
    def spelled(cls, text: str) -> str:
        # A refresh job's unit is NAME-refresh, so that ending would belong to two sites.
        owned_by_system = text in SITE_NAMES or text.startswith(("systemd-", "cinestream-"))
        if owned_by_system or text.endswith("-refresh"):
            raise NotAllowed(
                "is not free to be a site name",
                "a system user, group, folder or unit goes by it; choose another",
            )
        return text


class DatabaseName(SiteName):
    """Databases are named by sites, and stay when those are called otherwise."""

    refusal = "is not the name of a database"


class EnvName(Word):
    rule = re.compile(r"[A-Z_][A-Z0-9_]{0,127}", re.ASCII)
    refusal = "is not the name of a variable"
    hint = "names of variables are capital letters, digits and `_`, and start with no digit"

    @classmethod
    def spelled(cls, text: str) -> str:
        if text in ENVIRONMENT or text.startswith("LD_"):
            raise NotAllowed("is set by cinestream or the system", "leave it out")
        return text


class GivenName(EnvName):
    """One that somebody may set from now on; what a spec has had before is no fault of it."""

    @classmethod
    def spelled(cls, text: str) -> str:
        name = super().spelled(text)
        if environment.steers(name):
            raise NotAllowed(
                "decides which program runs, or what that loads",
                "no program of a site is given it; have your own code read another name",
            )
        return name


class EnvValue(Word):
    """What both systemd's EnvironmentFile= and python-dotenv can carry on one line."""

    rule = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]{0,65536}")
    refusal = "the value has a line break or a control character in it, or is over 64 KiB"
    hint = "encode it (base64), or keep it in a file under `data/`"
    shown = False

    @classmethod
    def spelled(cls, text: str) -> str:
        # python-dotenv puts another variable there, and systemd does not.
        if "${" in text:
            raise NotAllowed("the value has `${` in it", cls.hint, shown=False)
        return text


class WsgiName(Word):
    """Where the application is found; an empty one stands for none."""

    rule = re.compile(
        r"([A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)?",
        re.ASCII,
    )
    refusal = "does not name a WSGI application"
    hint = "write `package.module:app`, as in `shop.wsgi:application`"


class RelativePath(Word):
    """A path below the source, which no hidden folder is on; an empty one stands for none."""

    rule = re.compile(r"([\w-][\w.-]*(/[\w-][\w.-]*)*)?", re.ASCII)
    refusal = "is not a path inside the source"
    hint = "write it without a leading `/`, `..`, spaces or hidden folders, as in `shop/static`"


class AddressPath(Word):
    """What stands after the host's name in an address, as nginx compares it."""

    rule = re.compile(r"(?=.{1,200}$)(/|(/[\w~-][\w.~-]*)+/?)", re.ASCII)
    refusal = "is not the path of an address"
    hint = "write it as in `/` or `/api/orders`, without `?`, spaces or hidden folders"

    @classmethod
    def spelled(cls, text: str) -> str:
        if text in KEPT_BACK:
            raise NotAllowed("is never served to visitors", "name another path")
        return text


class Rate(Word):
    rule = re.compile(r"[1-9][0-9]{0,3}r/[sm]", re.ASCII)
    refusal = "is not a rate"
    hint = "write `6r/m` for six a minute, or `10r/s` for ten a second"


class CookieName(Word):
    """Of those, only the ones that nginx has a variable for."""

    rule = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
    refusal = "is not the name of a cookie that nginx can look at"
    hint = "its letters may be `a` to `z`, digits and `_`"


class Program(Word):
    rule = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)*\.py", re.ASCII)
    refusal = "is not a Python program inside the source"
    hint = "write its path from the top of the source, as in `jobs/refresh.py`"


class PackageName(Word):
    """A Python package, spelled as indexes compare names (packaging.python.org, name format)."""

    rule = re.compile(r"[a-z0-9]([a-z0-9-]{0,126}[a-z0-9])?", re.ASCII)
    refusal = "is not the name of a package"
    hint = "name one package as it is called in the requirements, without a version"

    @classmethod
    def spelled(cls, text: str) -> str:
        return re.sub(r"[-_.]+", "-", text).lower()


class Source(Word):
    """`bundled`, a directory, or a git address."""

    # A leading dash would be an option to git.
    rule = re.compile(r"[^\s\x00-\x1f\x7f-][^\x00-\x1f\x7f]{0,1023}")
    refusal = "is not a source"
    hint = "write `bundled`, a directory, or the address of a git repository"

    @classmethod
    def spelled(cls, text: str) -> str:
        if re.match(r"[a-z+]+://[^/@]*:[^/@]*@", text, re.IGNORECASE):
            raise NotAllowed(
                "an address with a password in it is not stored",
                "use a deploy key or git's credential helper",
                shown=False,
            )
        # A spec of before may hold a token, which goes with the next change of the site.
        return without_credentials(text)


def without_credentials(address: str) -> str:
    """
    *address* without the user name, password or token in it; who logs in by SSH keeps the name.

    RFC 3986, section 3.2.1: what stands before the last `@` of the authority.
    """
    scheme, found, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if not found or not at or (scheme.lower().endswith("ssh") and ":" not in user):
        return address
    kept = f"{user.partition(':')[0]}@" if scheme.lower().endswith("ssh") else ""
    return f"{scheme}://{kept}{host}{slash}{path}"


class Digest(Word):
    """A SHA-256 in hexadecimal; an empty one stands for nothing yet."""

    rule = re.compile(r"([0-9a-f]{64})?", re.ASCII)
    refusal = "is not a SHA-256 digest"
    hint = "a digest is 64 hexadecimal digits, in lower case"


class Email(Word):
    """The account's address at the certificate authority; an empty one stands for none."""

    rule = re.compile(
        r"([A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]{2,63})?", re.ASCII
    )
    refusal = "is not an e-mail address"
    hint = "write it as in `owner@example.com`"


class HttpsUrl(Word):
    """An address that is reached over TLS; an empty one stands for none."""

    rule = re.compile(r"(https://[A-Za-z0-9.:\[\]-]+(/[\w./~%+=-]*)?)?", re.ASCII)
    refusal = "is not an address that begins with `https://`"
    hint = "write it in full, as in `https://acme-v02.api.letsencrypt.org/directory`"


class Collection(Word):
    """Source of the rule: MongoDB manual, Naming Restrictions."""

    rule = re.compile(r"(?!system\.)[A-Za-z_][\w.-]{0,119}", re.ASCII)
    refusal = "is not the name of a collection"
    hint = "collection names are letters, digits, `_`, `-` and `.`, and start with a letter or `_`"


class FieldPath(Word):
    rule = re.compile(r"[\w-]+(\.[\w-]+)*", re.ASCII)
    refusal = "is not the name of a field"
    hint = "write fields as in `city` or `address.street`"
