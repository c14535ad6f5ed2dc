"""
The nouns both sides speak: what a server should have.

Frozen plain data.  Nothing here may touch a disk, a clock or a network, and
all of it must run on the oldest Python we meet on a server (3.9).

Every item has a `key`, the one address it has on the server, and says of a
fact (see `state.facts`) whether it is `met_by` it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Dict, Mapping, Optional, Tuple, Type

Fact = Optional[Dict[str, Any]]  # None: there is nothing
# Of a `.env` that is a file, and not what somebody put in its place.
ENV_FACT = {"mode", "owner", "group", "plain", "hidden"}


@dataclass(frozen=True)
class Item:
    """One thing a server should have."""

    kind: ClassVar[str] = ""
    # An item that only adds is made before the transaction, and never undone.
    additive: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """What the item is called among its kind: its first field."""
        return str(getattr(self, fields(self)[0].name))

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def mark(self) -> Dict[str, Any]:
        """The fact that this item makes when it is put."""
        return {}

    def met_by(self, fact: Fact) -> bool:
        return fact == self.mark


@dataclass(frozen=True)
class File(Item):
    """A file as it should be: every field is meant, none is a hint."""

    kind = "file"
    path: str
    content: bytes
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"

    @property
    def mark(self) -> Dict[str, Any]:
        return {
            "digest": digest(self.content),
            "mode": self.mode,
            "owner": self.owner,
            "group": self.group,
        }


@dataclass(frozen=True)
class EnvFile(Item):
    """
    A `.env` whose keys are merged on the server; keys nobody here names stay as they are.

    *plain* values are shown; *generated* ones are made on the server by a recipe (`token`, or
    `mongodb-uri DATABASE USER`) and never leave it; *secrets* must be there, and those in *given*
    arrive in this very conversation; *dropped* keys must not be there.
    """

    kind = "env"
    path: str
    owner: str
    group: str
    mode: int = 0o600
    plain: Tuple[Tuple[str, str], ...] = ()
    generated: Tuple[Tuple[str, str], ...] = ()
    secrets: Tuple[str, ...] = ()
    given: Tuple[str, ...] = ()
    dropped: Tuple[str, ...] = ()

    def met_by(self, fact: Fact) -> bool:
        if fact is None or self.given or not fact.keys() >= ENV_FACT:
            return False
        same = all(fact[field] == getattr(self, field) for field in ("mode", "owner", "group"))
        hidden = {*dict(self.generated), *self.secrets}
        return (
            same
            and fact["plain"] == dict(self.plain)
            and hidden <= set(fact["hidden"])
            and not set(self.dropped) & set(fact["hidden"])
        )


@dataclass(frozen=True)
class Directory(Item):
    """
    A folder; the user *through* may reach what is in it, and neither list nor change it.

    Such a one has an access control list, of which acl(5) takes the group's part of *mode* as mask.
    """

    kind = "directory"
    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"
    through: str = ""

    @property
    def mark(self) -> Dict[str, Any]:
        acl = {"acl": self.acl} if self.through else {}
        return {"mode": self.mode, "owner": self.owner, "group": self.group, **acl}

    @property
    def acl(self) -> str:
        """What lets them, in the short text form of getfacl(1)."""
        user, group, others = (letters(self.mode >> bits & 7) for bits in (6, 3, 0))
        named = f"user:{self.through}:--x"
        return f"user::{user},{named},group::{group},mask::{group},other::{others}"


def letters(bits: int) -> str:
    return "".join(letter if bits & bit else "-" for letter, bit in zip("rwx", (4, 2, 1)))


@dataclass(frozen=True)
class Symlink(Item):
    kind = "symlink"
    path: str
    target: str

    @property
    def mark(self) -> Dict[str, Any]:
        return {"target": self.target}


@dataclass(frozen=True)
class Absent(Item):
    """A file or link that somebody else put there, and that must not be."""

    kind = "absent"
    path: str

    def met_by(self, fact: Fact) -> bool:
        return fact is None


@dataclass(frozen=True)
class User(Item):
    """A system account without a password or a shell, with a group of its own name."""

    kind = "user"
    additive = True
    login: str
    home: str

    @property
    def mark(self) -> Dict[str, Any]:
        return {"home": self.home}


@dataclass(frozen=True)
class Package(Item):
    """A package of the distribution, at whatever version it offers."""

    kind = "package"
    additive = True
    package: str

    @property
    def mark(self) -> Dict[str, Any]:
        return {"installed": True}


@dataclass(frozen=True)
class Archive(Item):
    """A tar archive of which the server holds the unpacked tree, without its top folder."""

    kind = "archive"
    additive = True
    path: str
    sha256: str
    url: str = ""  # empty: it is uploaded in this conversation

    @property
    def mark(self) -> Dict[str, Any]:
        return {"sha256": self.sha256}


@dataclass(frozen=True)
class Release(Item):
    """
    A tree of source, never changed once it is there; *blob* is the digest of its tar.

    A *spare* one may stay where it is, and need not be there.
    """

    kind = "release"
    additive = True
    path: str
    blob: str
    spare: bool = False

    @property
    def mark(self) -> Dict[str, Any]:
        return {"blob": self.blob}

    def met_by(self, fact: Fact) -> bool:
        return self.spare or fact == self.mark


@dataclass(frozen=True)
class Venv(Item):
    """
    A virtual environment, never changed once there; *blob* is the digest of its requirements.

    Packages are wheels; of those named in *sources* the code is run to build them.  A *spare* one
    may stay where it is, and need not be there.
    """

    kind = "venv"
    additive = True
    path: str
    blob: str
    python: str = "/usr/bin/python3"
    spare: bool = False
    sources: Tuple[str, ...] = ()

    @property
    def mark(self) -> Dict[str, Any]:
        return {"blob": self.blob}

    def met_by(self, fact: Fact) -> bool:
        return self.spare or fact == self.mark


@dataclass(frozen=True)
class Check(Item):
    """A command that must succeed before the change goes live; its stderr is the reason if not."""

    kind = "check"
    what: str
    argv: Tuple[str, ...]
    site: str = ""
    properties: Tuple[str, ...] = ()  # of systemd, `Name=value` each


@dataclass(frozen=True)
class Hook(Item):
    """
    A program of the owner's, in at most *timeout* seconds, when a release goes live.

    The *first* is run before any worker runs the release, the other once all of them do.
    """

    kind = "hook"
    what: str
    site: str
    argv: Tuple[str, ...]
    properties: Tuple[str, ...]  # of systemd, `Name=value` each
    timeout: int = 600
    first: bool = True


@dataclass(frozen=True)
class Trial(Item):
    """
    A worker that no visitor is sent to: it must be ready and answer before others run as it does.

    `{port}` in *argv* becomes a free one of those from *port* up to *end*, or any other.  Its front
    page is asked for as visitors of *host* ask, unless its owner accepts *errors* there.
    """

    kind = "trial"
    site: str
    argv: Tuple[str, ...]
    properties: Tuple[str, ...]  # of systemd, `Name=value` each
    port: int = 0
    end: int = 0
    host: str = "localhost"
    errors: bool = False


@dataclass(frozen=True)
class Unit(Item):
    """
    A systemd unit, enabled and active.

    Its *companions* (a worker's socket) are stopped and disabled with it.  It is restarted when a
    step touches one of the keys in *restart_on*, and reloaded for those in *reload_on*; a key that
    ends in `/` stands for all that is below it.
    """

    kind = "unit"
    unit: str
    companions: Tuple[str, ...] = ()
    restart_on: Tuple[str, ...] = ()
    reload_on: Tuple[str, ...] = ()

    @property
    def mark(self) -> Dict[str, Any]:
        return {"enabled": True, "active": True}


@dataclass(frozen=True)
class Table(Item):
    """
    A table of nftables in the kernel, as the file *rules* makes it; *unit* loads that.

    What its *sets* hold is a part of it.
    """

    kind = "table"
    table: str
    rules: str
    unit: str
    sets: Tuple[str, ...] = ()

    @property
    def mark(self) -> Dict[str, Any]:
        return {"whole": True}


@dataclass(frozen=True)
class Sshd(Item):
    """A file of sshd's, and the *settings* that sshd has then, named as by `sshd -T` (sshd(8))."""

    kind = "sshd"
    path: str
    content: bytes
    settings: Tuple[Tuple[str, str], ...]

    @property
    def mark(self) -> Dict[str, Any]:
        return {**File(self.path, self.content).mark, "settings": dict(self.settings)}


@dataclass(frozen=True)
class MongoAdmin(Item):
    """The administrator whose URI stands under *env_key* of the file *env_path*."""

    kind = "mongo-admin"
    env_path: str
    env_key: str = "MONGODB_ADMIN_URI"

    @property
    def mark(self) -> Dict[str, Any]:
        return {"made": True}


@dataclass(frozen=True)
class MongoUser(Item):
    """A database user who reaches *database* alone; its URI stands in the site's `.env`."""

    kind = "mongo-user"
    user: str
    database: str
    env_path: str
    env_key: str = "MONGODB_URI"
    role: str = "cinestream-site"  # what may do nothing to the server that all databases share

    @property
    def mark(self) -> Dict[str, Any]:
        return {"database": self.database, "role": self.role}


@dataclass(frozen=True)
class MongoIndexes(Item):
    """Indexes that *database* must have; each a JSON text as `site.toml` spells them."""

    kind = "mongo-indexes"
    database: str
    indexes: Tuple[str, ...]

    @property
    def mark(self) -> Dict[str, Any]:
        return {"indexes": list(self.indexes)}


@dataclass(frozen=True)
class Certificate(Item):
    """
    A certificate for *names*, had by webroot from the ACME *directory*; a follow-up.

    *conf* is the nginx file at *conf_path* that takes over once the certificate is there.
    """

    kind = "certificate"
    lineage: str
    names: Tuple[str, ...]
    conf_path: str
    conf: bytes
    webroot: str
    directory: str
    staging: str = ""  # where to rehearse; empty: the authority has no such place
    email: str = ""

    @property
    def mark(self) -> Dict[str, Any]:
        return {"names": sorted(self.names)}

    def met_by(self, fact: Fact) -> bool:
        return fact is not None and fact.get("names") == sorted(self.names)


@dataclass(frozen=True)
class Heir(Item):
    """
    The site *user* that gets data, uid and variables of the site *of*, whose processes go on.

    It gets a copy of the release *blob*, too; what is *anew* it gets of its own.
    """

    kind = "heir"
    user: str
    of: str
    blob: str = ""
    anew: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Remains(Item):
    """
    What the account *login* has outside its home, running or lying there: only ever removed.

    That is of a site that leaves; with *logs*, of one that leaves for good.
    """

    kind = "remains"
    login: str
    logs: bool = False


@dataclass(frozen=True)
class Tree(Item):
    """A folder with all that is below it: only ever removed."""

    kind = "tree"
    path: str


@dataclass(frozen=True)
class Database(Item):
    """A MongoDB database with all that is in it: only ever removed."""

    kind = "database"
    database: str


@dataclass(frozen=True)
class SiteJournal(Item):
    """All that *site* has ever written into its journal: only ever removed."""

    kind = "site-journal"
    site: str


@dataclass(frozen=True)
class Fence(Item):
    """
    A place on the way back where systemd or nginx is told that files were put back.

    Doing it does nothing.  It stands before the files it speaks for, so that undoing, which walks
    backwards, meets it after them.
    """

    kind = "fence"
    of: str  # "systemd" or "nginx"
    restarts: Tuple[str, ...] = ()
    reloads: Tuple[str, ...] = ()
    drained: bool = False  # then nginx's old workers have answered whom they let in


@dataclass(frozen=True)
class Daemon(Item):
    """systemd's own view of its unit files, to be read anew."""

    kind = "daemon"
    manager: str = "systemd"


@dataclass(frozen=True)
class Gate(Item):
    """
    nginx with the new files: tested, reloaded, and every site of *probes* as well as before.

    Of *neighbours*, which the change does not touch, nginx itself must answer for the same sites as
    before: how their workers are is nobody's business here.
    """

    kind = "gate"
    server: str = "nginx"
    probes: Tuple[str, ...] = ()  # host names, asked for `/healthz` on 127.0.0.1
    drained: bool = False  # then the old workers have answered whom they let in
    neighbours: Tuple[str, ...] = ()  # those of *probes* about which nothing changes


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


KINDS: Dict[str, Type[Item]] = {
    kind.kind: kind
    for kind in (
        File, EnvFile, Directory, Symlink, Absent, User, Package, Archive, Release, Venv, Check,
        Hook, Trial, Unit, Table, Sshd, MongoAdmin, MongoUser, MongoIndexes, Certificate, Heir,
        Remains, Tree, Database, SiteJournal, Fence, Daemon, Gate,
    )
}  # fmt: skip
# What is done and leaves nothing to be looked at.
ACTS = (Check, Hook, Trial)


def blobs(item: Item) -> Dict[str, bytes]:
    """The bytes in *item*, by digest: they cross the wire once each, beside the words."""
    values = (getattr(item, field.name) for field in fields(item))
    return {digest(value): value for value in values if isinstance(value, bytes)}


def words(item: Item) -> Dict[str, Any]:
    """*item* as JSON, with a digest wherever it holds bytes."""
    told: Dict[str, Any] = {"kind": item.kind}
    for field in fields(item):
        value = getattr(item, field.name)
        if value != field.default:
            told[field.name] = {"blob": digest(value)} if isinstance(value, bytes) else value
    return told


def item(told: Mapping[str, Any], found: Optional[Mapping[str, bytes]] = None) -> Item:
    """The item that `words` told of; bytes that *found* does not hold become empty."""
    kind = KINDS[told["kind"]]
    values = {name: plain(value, found or {}) for name, value in told.items() if name != "kind"}
    return kind(**values)


def plain(value: Any, found: Mapping[str, bytes]) -> Any:
    if isinstance(value, dict):
        return found.get(value["blob"], b"")
    if isinstance(value, (list, tuple)):
        return tuple(plain(each, found) for each in value)
    return value
