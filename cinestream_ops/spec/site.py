"""
One site, as its owner asked for it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from cinestream_ops.spec.calendar import Calendar
from cinestream_ops.spec.domains import DomainName
from cinestream_ops.spec.hooks import Hooks
from cinestream_ops.spec.maintenance import Maintenance
from cinestream_ops.spec.model import Model, Row
from cinestream_ops.spec.names import (
    AddressPath,
    Collection,
    CookieName,
    DatabaseName,
    Digest,
    EnvName,
    EnvValue,
    FieldPath,
    HttpsUrl,
    PackageName,
    Program,
    Rate,
    RelativePath,
    SiteName,
    Source,
    WsgiName,
)
from cinestream_ops.spec.network import Network
from cinestream_ops.spec.past import Moment, Past, Ref
from cinestream_ops.spec.reserved import DATABASE_ENVIRONMENT
from cinestream_ops.spec.saving import Saving
from cinestream_ops.spec.words import NotAllowed

# From here on Linux gives ports to outgoing connections (ip_local_port_range).
LAST_PORT = 32767
BUNDLED = "bundled"
NOTHING: Any = ""

Balance = Literal["ip-hash", "cookie", "least-conn"]
Method = Literal["any", "POST"]
Order = Literal[1, -1, "2dsphere"]
Key = Annotated[tuple[FieldPath, Order], Field(strict=False)]


class Domain(Model):
    """A domain name, and the certificate it gets; a plain name is a table with defaults."""

    name: DomainName = Field(description="a domain name, as in `blog.example.com`")
    www: bool = Field(False, description="true: `www.` before the name leads here too")
    acme_directory: HttpsUrl = Field(
        NOTHING, description="the certificate authority, if not the server's"
    )
    staging: bool = Field(
        False, description="true: a certificate from Let's Encrypt's staging, for trials"
    )

    @model_validator(mode="before")
    @classmethod
    def _spelled_short(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("www")
    @classmethod
    def _has_room_for_www(cls, www: bool, info: ValidationInfo) -> bool:
        name = info.data.get("name", "")
        if www and (name.startswith("www.") or len(name) > 249):
            raise NotAllowed(
                f"`{name}` cannot have `www.` before it", "leave out `www`", shown=False
            )
        return www

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that leads here, the one that stays in the address bar first."""
        return (self.name, f"www.{self.name}") if self.www else (self.name,)


class Index(Model):
    """An index that the site's database must have."""

    collection: Collection = Field(description="the collection it is on")
    keys: Row[Key] = Field(
        description='pairs as in `[["city", 1], ["place", "2dsphere"]]`',
    )
    unique: bool = Field(False, description="true: no two documents may share the keys")
    expire_after: int | None = Field(
        None, ge=0, le=2**31 - 1, description="seconds after which a document goes away"
    )

    @field_validator("keys")
    @classmethod
    def _are_some(cls, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        if not 1 <= len(keys) <= 32:
            raise NotAllowed("an index has 1 to 32 keys", shown=False)
        return keys

    @field_validator("expire_after")
    @classmethod
    def _expires_by_one_field(cls, seconds: int | None, info: ValidationInfo) -> int | None:
        # MongoDB manual, TTL Indexes: "TTL indexes are single-field indexes".
        if seconds is not None and len(info.data.get("keys", ())) > 1:
            raise NotAllowed("an index on several fields cannot expire", "use one", shown=False)
        return seconds


class Refresh(Model):
    """A program of the site that runs by the calendar."""

    program: Program = Field(description="a program inside the source, as in `refresh.py`")
    calendar: Calendar = Field(description="when, as in `*-*-* 04:30`")


class Limit(Model):
    """How often one address may ask for one path, before nginx answers 429 for the site."""

    path: AddressPath = Field(description="what it is for, as in `/api/orders`")
    rate: Rate = Field(description="how often, as in `6r/m`")
    burst: int = Field(0, ge=0, le=1000, description="how many more may come at once")
    method: Method = Field("any", description="`POST`: only those that change something count")


class Cache(Model):
    """A page that nginx keeps for as long as the site's answer allows (`s-maxage`)."""

    path: AddressPath = Field(description="the page, as in `/`; with a query it is never kept")
    unless_cookie: CookieName = Field(
        description="the cookie of the site's sessions: who has it is always answered by the site"
    )


class Site(Model):
    """A site: memory in MiB a worker, ports on 127.0.0.1."""

    # What its file is called, and never a key in it.
    name: SiteName = Field(exclude=True)
    port: int = Field(ge=1024, le=LAST_PORT, description="the first port of the site's block")
    reserve: int = Field(
        100, ge=1, le=1000, description="how many ports are kept for the site, 1 to 1000",
        validate_default=True,
    )  # fmt: skip
    workers: int = Field(
        24, ge=1, le=1000, description="how many processes serve the site, 1 to `reserve`",
        validate_default=True,
    )  # fmt: skip
    balance: Balance = Field("ip-hash", description="how visitors keep to a worker")
    source: Source = Field(Source(BUNDLED), description="`bundled`, a directory or a git address")
    wsgi: WsgiName = Field(
        NOTHING, description="the application, as in `shop.wsgi:application`",
        validate_default=True,
    )  # fmt: skip
    ref: Ref = Field(NOTHING, description="the branch, tag or commit of a git source")
    static: RelativePath = Field(NOTHING, description="the directory of static files in the source")
    release: Digest = Field(NOTHING, description="the SHA-256 of the deployed source")
    requirements: Digest = Field(NOTHING, description="the SHA-256 of its requirements")
    allow_source: Row[PackageName] = Field(
        (), description="packages that are built from source, by running their code"
    )
    deployed: Moment = Field(NOTHING, description="since when the release runs")
    keep: int = Field(5, ge=0, le=50, description="how many earlier releases stay for a roll-back")
    past: Row[Past] = Field((), description="the earlier releases that stay, the latest first")
    hooks: Hooks | None = Field(None, description="programs that run when a release goes live")
    stopped: bool = Field(False, description="true: no worker runs, visitors are told so")
    maintenance: Maintenance | None = Field(None, description="a page in place of the site")
    domains: Row[Domain] = Field((), description="the domain names that lead to the site")
    database: bool | DatabaseName = Field(
        True, description="false: the site gets no database; a name: it is not called as the site"
    )
    env: dict[EnvName, EnvValue] = Field(
        default_factory=dict, description='variables that anyone may see, as in `LANG = "en"`'
    )
    secrets: Row[EnvName] = Field((), description="names of variables that nobody may see")
    refresh: Refresh | None = Field(None, description="a program that runs by the calendar")
    memory: int = Field(64, ge=16, le=65536, description="MiB a worker may be expected to use")
    tasks: int = Field(64, ge=16, le=4096, description="processes and threads a worker may have")
    upload: int | None = Field(
        None, ge=1, le=102400, description="MiB that a request may bring; 10, if left out"
    )
    timeout: int | None = Field(
        None, ge=1, le=86400,
        description="seconds in which an answer begins, or goes on; 60, if left out",
    )  # fmt: skip
    indexes: Row[Index] = Field((), description="indexes of the site's database")
    limits: Row[Limit] = Field((), description="how often an address may ask for a path")
    caches: Row[Cache] = Field((), description="pages that nginx keeps")
    network: Network | None = Field(None, description="whom the site may call; all, if left out")
    backup: Saving | None = Field(None, description="a backup that the server makes every day")

    @field_validator("reserve")
    @classmethod
    def _ends_before_the_last_port(cls, reserve: int, info: ValidationInfo) -> int:
        port = info.data.get("port", 1024)
        if port + reserve - 1 > LAST_PORT:
            raise NotAllowed(f"ports from {port} on go beyond {LAST_PORT}", "choose a lower `port`")
        return reserve

    @field_validator("workers")
    @classmethod
    def _fit_in_the_block(cls, workers: int, info: ValidationInfo) -> int:
        reserve = info.data.get("reserve", workers)
        if workers > reserve:
            raise NotAllowed(
                f"workers do not fit in {reserve} reserved ports",
                "raise `reserve`, as far as the block of the next site allows",
            )
        return workers

    @field_validator("wsgi")
    @classmethod
    def _goes_with_the_source(cls, wsgi: WsgiName, info: ValidationInfo) -> WsgiName:
        bundled = info.data.get("source", BUNDLED) == BUNDLED
        if bundled and wsgi:
            raise NotAllowed("goes with a source of your own", "leave it out, or name `source`")
        if "source" in info.data and not bundled and not wsgi:
            raise NotAllowed("a source of your own needs one", WsgiName.hint, shown=False)
        return wsgi

    @field_validator("database", mode="plain")
    @classmethod
    def _is_a_choice_or_a_name(cls, database: Any) -> bool | DatabaseName:
        if isinstance(database, bool):
            return database
        if isinstance(database, str):
            return DatabaseName(database)
        raise NotAllowed("is neither true, false nor the name of a database")

    @field_validator("env", "secrets")
    @classmethod
    def _leaves_the_database_to_us(cls, value: Any, info: ValidationInfo) -> Any:
        for name in DATABASE_ENVIRONMENT & set(value):
            if info.data.get("database", True):
                raise NotAllowed(
                    f"`{name}` is set by cinestream",
                    "leave it out, or set `database = false` to bring your own",
                    shown=False,
                )
        return value

    @field_validator("secrets")
    @classmethod
    def _are_not_shown_elsewhere(
        cls, secrets: tuple[EnvName, ...], info: ValidationInfo
    ) -> tuple[EnvName, ...]:
        for name in secrets:
            if name in info.data.get("env", {}):
                raise NotAllowed(f"`{name}` is in `env` too", "keep it in one", shown=False)
        return secrets

    @field_validator("limits", "caches")
    @classmethod
    def _name_each_path_once(cls, rows: tuple[Any, ...]) -> tuple[Any, ...]:
        paths = [row.path for row in rows]
        for path in paths:
            if paths.count(path) > 1:
                raise NotAllowed(f"`{path}` is named twice", "keep one of them", shown=False)
        return rows

    @property
    def user(self) -> str:
        return self.name

    @property
    def database_name(self) -> str:
        """What its database is called where it has one; empty if it wants none."""
        return str(self.name if self.database is True else self.database or "")

    @property
    def bundled(self) -> bool:
        return self.source == BUNDLED

    @property
    def ports(self) -> range:
        """The ports that workers listen on."""
        return range(self.port, self.port + self.workers)

    @property
    def block(self) -> range:
        """The ports that nobody else may have."""
        return range(self.port, self.port + self.reserve)

    @property
    def units(self) -> tuple[str, ...]:
        """The services, one a port."""
        return tuple(f"{self.name}@{port}.service" for port in self.ports)

    @property
    def names(self) -> tuple[str, ...]:
        """Every domain name that leads here."""
        return tuple(name for domain in self.domains for name in domain.names)
