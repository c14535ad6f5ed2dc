"""
Every option there is, with its help: what commands write in their signatures.

Nothing here is slow to import, and nothing here decides.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from typer import Argument, BadParameter, Option

# What an option that may be repeated is, when it is not given.
NONE: list[str] = []


def known_servers(incomplete: str) -> list[str]:
    """The names of servers that start with *incomplete*; for the shell's completion."""
    from cinestream_ops.channel import inventory

    return [name for name in inventory.load(os.environ).servers if name.startswith(incomplete)]


def whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadParameter(f"`{text}` is not a whole number") from None


def seconds(text: str) -> float:
    """A time that ends; `nan` and `inf` do not."""
    try:
        given = float(text)
    except ValueError:
        given = -1
    if not 0 <= given < 10**9:
        raise BadParameter(f"`{text}` is not a number of seconds")
    return given


def per_cent(text: str | int) -> int:
    if not 1 <= (share := whole(str(text).removesuffix("%"))) <= 100:
        raise BadParameter(f"`{text}` is not between 1% and 100%")
    return share


def lines_back(text: str) -> int:
    if (count := whole(text)) < 0:
        raise BadParameter(f"`{text}` is less than 0")
    return count


class Balance(StrEnum):
    IP_HASH = "ip-hash"
    COOKIE = "cookie"
    LEAST_CONN = "least-conn"


class Mode(StrEnum):
    ARCHIVE = "archive"
    EXTERNAL = "external"
    NONE = "none"


class Switch(StrEnum):
    ON = "on"
    OFF = "off"


class Suite(StrEnum):
    BOOKWORM = "bookworm"
    TRIXIE = "trixie"


# Of every command
Server: TypeAlias = Annotated[
    str,
    Option(
        "--server",
        metavar="NAME|[USER@]HOST",
        show_default=False,
        help="The server; else $CINESTREAM_SERVER, the one in use, or this machine.",
        autocompletion=known_servers,
    ),
]
Ssh: TypeAlias = Annotated[
    str,
    Option(
        "--ssh",
        metavar="paramiko|openssh",
        show_default=False,
        help="Who speaks SSH: cinestream itself, or your `ssh`; else $CINESTREAM_SSH.",
    ),
]
AsJson: TypeAlias = Annotated[bool, Option("--json", help="Write JSON to stdout.")]
Wait: TypeAlias = Annotated[
    float,
    Option(
        "--wait",
        parser=seconds,
        metavar="SECONDS",
        show_default=False,
        help="Wait so long for another administrator, apt or cloud-init.",
    ),
]

# Of every command that changes a server
Yes: TypeAlias = Annotated[bool, Option("--yes", "-y", help="Make the change without asking.")]
PlanOnly: TypeAlias = Annotated[bool, Option("--plan", help="Show the plan, and stop there.")]
Diff: TypeAlias = Annotated[bool, Option("--diff", help="Show how each file would change.")]


@dataclass(frozen=True)
class Reading:
    """The options of a command that only reads."""

    server: Server = ""
    as_json: AsJson = False
    wait: Wait = 0
    ssh: Ssh = ""


@dataclass(frozen=True)
class Changing(Reading):
    """The options of a command that changes a server."""

    yes: Yes = False
    plan_only: PlanOnly = False
    diff: Diff = False


# Names
SiteName: TypeAlias = Annotated[str, Argument(metavar="NAME", help="The site.")]
FromSite: TypeAlias = Annotated[str, Argument(metavar="FROM", help="The site that is there.")]
NewSite: TypeAlias = Annotated[str, Argument(metavar="TO", help="The name of the new site.")]
OldSiteName: TypeAlias = Annotated[str, Argument(metavar="OLD", help="The site.")]
NewSiteName: TypeAlias = Annotated[str, Argument(metavar="NEW", help="What to call it.")]
SiteNames: TypeAlias = Annotated[
    list[str], Argument(metavar="NAME", help="Sites; all of them when none is named.")
]
Domain: TypeAlias = Annotated[str, Argument(metavar="DOMAIN", help="The domain.")]
MaybeDomains: TypeAlias = Annotated[
    list[str], Argument(metavar="DOMAIN", help="Domains; all of them when none is named.")
]
MaybeSite: TypeAlias = Annotated[str, Argument(metavar="NAME", help="One site alone.")]

# Of a site
Workers: TypeAlias = Annotated[
    int | None,
    Option("--workers", parser=whole, metavar="N", help="How many processes serve the site."),
]
Port: TypeAlias = Annotated[
    int | None,
    Option("--port", parser=whole, metavar="N", help="The first port of the site's block."),
]
Source: TypeAlias = Annotated[
    str | None,
    Option("--source", metavar="DIR|URL", help="The site's code: a directory or a git URL."),
]
Wsgi: TypeAlias = Annotated[
    str | None,
    Option("--wsgi", metavar="MODULE:APP", help="The WSGI application, `package.module:app`."),
]
Requirements: TypeAlias = Annotated[
    Path | None,
    Option("--requirements", metavar="FILE", help="The packages that the site needs, pinned."),
]
AllowSource: TypeAlias = Annotated[
    list[str] | None,
    Option(
        "--allow-source",
        metavar="PACKAGE",
        help="Run this package's code to build it from source; repeatable, '' is none.",
    ),
]
BalanceBy: TypeAlias = Annotated[
    Balance | None, Option("--balance", help="How visitors are spread over workers.")
]
Memory: TypeAlias = Annotated[
    int | None,
    Option("--memory", parser=whole, metavar="MIB", help="The memory of one worker, in MiB."),
]
Domains: TypeAlias = Annotated[
    list[str], Option("--domain", metavar="DOMAIN", help="A domain of the site; repeatable.")
]
EnvFile: TypeAlias = Annotated[
    Path | None,
    Option("--env-file", metavar="FILE", help="Its keys become secrets of the site."),
]
NoDatabase: TypeAlias = Annotated[bool, Option("--no-database", help="The site needs no MongoDB.")]
WithoutData: TypeAlias = Annotated[
    bool, Option("--without-data", help="Begin with no files and an empty database.")
]
Purge: TypeAlias = Annotated[
    bool, Option("--purge", help="Delete the site's files, user and database as well.")
]


Tasks: TypeAlias = Annotated[
    int | None,
    Option("--tasks", parser=whole, metavar="N", help="Processes and threads a worker may have."),
]
Upload: TypeAlias = Annotated[
    int | None,
    Option("--upload", parser=whole, metavar="MIB", help="What a request may bring, in MiB."),
]
AnswerTimeout: TypeAlias = Annotated[
    int | None,
    Option(
        "--timeout",
        parser=whole,
        metavar="SECONDS",
        help="How long visitors wait for an answer to begin, or to go on.",
    ),
]

# Of what is deployed
Send: TypeAlias = Annotated[
    list[str],
    Option(
        "--send",
        metavar="PATH",
        help="Send this file or folder of the source, though it would stay at home; repeatable.",
    ),
]
AcceptErrors: TypeAlias = Annotated[
    bool, Option("--accept-errors", help="Go live though the front page fails when it is tried.")
]
Ref: TypeAlias = Annotated[
    str | None,
    Option("--ref", metavar="REF", help="The branch, tag or commit of a git source."),
]
Keep: TypeAlias = Annotated[
    int | None,
    Option("--keep", parser=whole, metavar="N", help="How many earlier releases stay."),
]
Pre: TypeAlias = Annotated[
    str | None,
    Option("--pre", metavar="PROGRAM", help="What runs before a release goes live; '' is nothing."),
]
Post: TypeAlias = Annotated[
    str | None,
    Option("--post", metavar="PROGRAM", help="What runs once a release is live; '' is nothing."),
]
Batch: TypeAlias = Annotated[
    int,
    Option(
        "--batch", parser=per_cent, metavar="PERCENT", help="How many workers restart at a time."
    ),
]
ReleaseId: TypeAlias = Annotated[
    str,
    Option("--to", metavar="ID", show_default=False, help="The release; else the one before this."),
]


@dataclass(frozen=True)
class CodeOptions:
    """What a deploy is made of; None where the owner named nothing."""

    source: Source = None
    ref: Ref = None
    wsgi: Wsgi = None
    requirements: Requirements = None
    send: Send = ()  # type: ignore[assignment]  # a default of a dataclass may not be a list
    allow_source: AllowSource = None
    pre: Pre = None
    post: Post = None
    keep: Keep = None

    @property
    def plain(self) -> dict[str, Any]:
        """The named ones that are keys of a spec as they stand."""
        sources = None if self.allow_source is None else [*filter(None, self.allow_source)]
        return named(keep=self.keep, allow_source=sources)

    @property
    def hooks(self) -> dict[str, str]:
        return named(pre=self.pre, post=self.post)

    @property
    def brings_code(self) -> bool:
        parts = (self.source, self.ref, self.wsgi, self.requirements)
        return any(each is not None for each in parts) or bool(self.send)


@dataclass(frozen=True)
class SiteOptions(CodeOptions):
    """What `add-site` and `edit-site` ask of a site; None where the owner named nothing."""

    workers: Workers = None
    balance: BalanceBy = None
    memory: Memory = None
    tasks: Tasks = None
    upload: Upload = None
    timeout: AnswerTimeout = None

    @property
    def plain(self) -> dict[str, Any]:
        balance = self.balance and self.balance.value
        own = named(
            workers=self.workers,
            balance=balance,
            memory=self.memory,
            tasks=self.tasks,
            upload=self.upload,
            timeout=self.timeout,
        )
        return {**own, **super().plain}


def named(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


# Of maintenance
Switched: TypeAlias = Annotated[
    Switch, Argument(metavar="on|off", help="Whether visitors see the page, or the site.")
]
Message: TypeAlias = Annotated[
    str | None, Option("--message", metavar="TEXT", help="What visitors read, in plain text.")
]
RetryAfter: TypeAlias = Annotated[
    int | None,
    Option(
        "--retry-after",
        parser=whole,
        metavar="SECONDS",
        help="When browsers and search engines may ask again.",
    ),
]

# Of a domain
Www: TypeAlias = Annotated[bool, Option("--www", help="Serve `www.DOMAIN` too.")]
Staging: TypeAlias = Annotated[
    bool, Option("--staging", help="Ask the authority's staging directory; for trials.")
]
AcmeDirectory: TypeAlias = Annotated[
    str | None, Option("--acme-directory", metavar="URL", help="Another ACME authority.")
]

# Of running a program
ProgramName: TypeAlias = Annotated[
    str, Argument(metavar="PROGRAM", help="Its path in the source of the site.")
]
Arguments: TypeAlias = Annotated[
    list[str], Argument(metavar="ARGUMENT", help="What the program is given.")
]
Timeout: TypeAlias = Annotated[
    float,
    Option(
        "--timeout",
        parser=seconds,
        metavar="SECONDS",
        help="How long it may take before it is stopped.",
    ),
]

# Of an environment
Settings: TypeAlias = Annotated[
    list[str],
    Argument(metavar="KEY=VALUE", help="What to set; `-` reads the secret from stdin."),
]
Keys: TypeAlias = Annotated[list[str], Argument(metavar="KEY", help="What to unset.")]
SecretKeys: TypeAlias = Annotated[
    list[str],
    Option("--secret", metavar="KEY", help="A secret: its value is asked for, and never shown."),
]
FromFile: TypeAlias = Annotated[
    Path | None,
    Option("--from-file", metavar="FILE", help="Read the secret's value from a file."),
]

# Of looking
Follow: TypeAlias = Annotated[bool, Option("--follow", "-f", help="Go on as lines are written.")]
Lines: TypeAlias = Annotated[
    int, Option("--lines", "-n", parser=lines_back, metavar="N", help="How many lines back.")
]
Watch: TypeAlias = Annotated[bool, Option("--watch", help="Look again every two seconds.")]
ExitCode: TypeAlias = Annotated[
    bool, Option("--exit-code", help="Exit with 4 when changes are pending.")
]
FromSpec: TypeAlias = Annotated[
    Path | None,
    Option("--file", "-f", metavar="FILE", help="Specs to add or replace; `-` is stdin."),
]

# Of setup
ServerName: TypeAlias = Annotated[
    str, Argument(metavar="SERVER", help="The server, instead of --server.")
]
Email: TypeAlias = Annotated[
    str | None, Option("--email", metavar="ADDRESS", help="Where the ACME authority may write to.")
]
MongoMode: TypeAlias = Annotated[
    Mode | None, Option("--mongodb", help="Where MongoDB comes from.", show_choices=True)
]
MongoArchive: TypeAlias = Annotated[
    str | None,
    Option("--mongodb-archive", metavar="PATH|URL", help="MongoDB's official archive (.tgz)."),
]
MongoDigest: TypeAlias = Annotated[
    str | None, Option("--mongodb-sha256", metavar="HEX", help="The archive's SHA-256.")
]
MongoUri: TypeAlias = Annotated[
    Path | None,
    Option("--mongo-uri-file", metavar="FILE", help="An administrator's URI, for `external`."),
]
NoUpgrades: TypeAlias = Annotated[
    bool,
    Option("--no-unattended-upgrades", help="Leave security upgrades to the owner."),
]

LoginByKeys: TypeAlias = Annotated[
    bool | None, Option("--sshd/--no-sshd", help="Whether keys alone log in.", show_default=False)
]

InboundFirewall: TypeAlias = Annotated[
    bool | None,
    Option(
        "--inbound/--no-inbound",
        help="Whether nobody connects but to SSH, 80, 443 and --open.",
        show_default=False,
    ),
]
OpenPorts: TypeAlias = Annotated[
    list[str],
    Option("--open", metavar="PORT/tcp|udp", help="With --inbound: a port that stays open."),
]
ClosedPorts: TypeAlias = Annotated[
    list[str],
    Option("--close", metavar="PORT/tcp|udp", help="With --inbound: a port that is closed."),
]


@dataclass(frozen=True)
class SetupOptions:
    """What `setup` asks of a server; None where the owner named nothing."""

    email: Email = None
    acme_directory: AcmeDirectory = None
    mongodb: MongoMode = None
    mongodb_archive: MongoArchive = None
    mongodb_sha256: MongoDigest = None
    mongo_uri_file: MongoUri = None
    no_unattended_upgrades: NoUpgrades = False
    sshd: LoginByKeys = None
    inbound: InboundFirewall = None
    opened: OpenPorts = ()  # type: ignore[assignment]  # a default of a dataclass may not be a list
    closed: ClosedPorts = ()  # type: ignore[assignment]


# Of a backup
KeptIn: TypeAlias = Annotated[
    str,
    Option(
        "--to",
        metavar="[HOST:]DIR",
        help="Where backups are: DIR, `me@nas:DIR`, or `server:` for those of schedules.",
    ),
]
PassphraseFile: TypeAlias = Annotated[
    Path | None,
    Option(
        "--passphrase-file",
        metavar="FILE",
        help="Read the passphrase from a file, or from stdin for `-`.",
    ),
]
BackupFolder: TypeAlias = Annotated[
    str, Argument(metavar="FOLDER", help="One backup, as `backup list` calls it.")
]
Identity: TypeAlias = Annotated[
    Path | None,
    Option("--identity", metavar="FILE", help="The key of age that opens what a server saved."),
]
Daily: TypeAlias = Annotated[
    str, Option("--daily", metavar="HH:MM", help="When, every day, by the server's clock.")
]
KeepScheduled: TypeAlias = Annotated[
    int | None,
    Option("--keep", parser=whole, metavar="N", help="How many backups stay, the latest."),
]
BackupRecipient: TypeAlias = Annotated[
    str, Option("--recipient", metavar="age1…", help="The public key to encrypt the secrets to.")
]
OnServer: TypeAlias = Annotated[
    str | None,
    Option("--on-server", metavar="DIR", help="The directory on the server that keeps backups."),
]
NewName: TypeAlias = Annotated[
    str, Option("--as", metavar="NAME", show_default=False, help="Call the site so from now on.")
]
LeftOut: TypeAlias = Annotated[
    list[str],
    Option("--leave-out", metavar="KEY", help="A variable that is not restored; repeatable."),
]
WithoutDomains: TypeAlias = Annotated[
    bool, Option("--without-domains", help="Leave the site's domains where they are.")
]
KeepBackups: TypeAlias = Annotated[
    int, Option("--keep", min=1, metavar="N", help="How many backups stay, the latest.")
]

# Of the owner's servers and labs
NewServer: TypeAlias = Annotated[str, Argument(metavar="NAME", help="What to call the server.")]
Address: TypeAlias = Annotated[
    str, Argument(metavar="[USER@]HOST[:PORT]", help="Where it is; `local` is this machine.")
]
IdentityFile: TypeAlias = Annotated[
    Path | None, Option("--identity-file", metavar="FILE", help="The private key to log in with.")
]
Fingerprint: TypeAlias = Annotated[
    str,
    Option(
        "--fingerprint",
        metavar="SHA256:…",
        show_default=False,
        help="The host key to accept without asking.",
    ),
]
LabName: TypeAlias = Annotated[str, Argument(metavar="NAME", help="The lab.")]
LabNames: TypeAlias = Annotated[list[str], Argument(metavar="NAME", help="The labs.")]
LabSuite: TypeAlias = Annotated[Suite, Option("--suite", help="Which Debian it runs.")]
Everything: TypeAlias = Annotated[bool, Option("--all", help="All of them.")]
Words: TypeAlias = Annotated[list[str], Argument(metavar="COMMAND", help="A command to run there.")]
