"""
What the owner of the site has settled, read from the environment once.

No message repeats a value: what stands in the wrong line of `.env` might be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from gather.money import PRICES

REQUIRED = ("MONGODB_URI", "MONGODB_DATABASE", "SECRET_KEY")
EFFORTS = ("low", "medium", "high")
HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])")
KEY = re.compile(r"[!-~]*")
# The key goes wherever this says: in the clear, only to this machine.
BASE_URL = re.compile(r"(https://[^\s/]+|http://(127\.0\.0\.1|localhost)(:[0-9]+)?)(/\S*)?|")


class SettingsError(RuntimeError):
    """The environment lacks what the site cannot do without, or says what cannot be meant."""


@dataclass(frozen=True)
class Gathering:
    """How showtimes are gathered, and what that may cost."""

    lock_seconds: int = 300
    deadline: int = 240  # seconds
    model: str = "claude-haiku-5-5"
    effort: str = "medium"
    searches: int = 3
    fetches: int = 4
    page_tokens: int = 6_000
    hosts: tuple[str, ...] = ()
    daily_usd: float = 1.00
    run_usd: float = 0.10
    starts_an_hour: int = 20
    parallel: int = 2
    min_age: timedelta = timedelta(seconds=21_600)


@dataclass(frozen=True)
class Settings:
    """The site's own words of `.env`; secrets are not shown when this is printed."""

    mongodb_uri: str = field(repr=False)
    mongodb_database: str
    secret_key: str = field(repr=False)
    anthropic_api_key: str = field(default="", repr=False)
    anthropic_base_url: str = field(default="", repr=False)
    gathering: Gathering = Gathering()

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Raises `SettingsError` with all that is missing and all that is wrong."""
        missing = [name for name in REQUIRED if not environ.get(name)]
        reader = Reader(environ)
        settings = cls(
            mongodb_uri=environ.get("MONGODB_URI", ""),
            mongodb_database=environ.get("MONGODB_DATABASE", ""),
            secret_key=environ.get("SECRET_KEY", ""),
            anthropic_api_key=reader.matching(
                "ANTHROPIC_API_KEY", KEY, "must be one word of ASCII letters, digits and signs"
            ),
            anthropic_base_url=reader.matching(
                "ANTHROPIC_BASE_URL", BASE_URL, "must begin with https://, or lead to this machine"
            ),
            gathering=gathering(reader),
        )
        faults = [f"`.env` does not set {', '.join(missing)}"] if missing else []
        if faults := faults + reader.faults:
            raise SettingsError("; ".join(faults))
        return settings


def gathering(reader: Reader) -> Gathering:
    usual = Gathering()
    found = Gathering(
        lock_seconds=reader.whole("LOCK_TIMEOUT", usual.lock_seconds, 5, 3_600, " of seconds"),
        deadline=reader.whole("AGENT_DEADLINE", usual.deadline, 5, 3_600, " of seconds"),
        model=reader.one_of("AGENT_MODEL", usual.model, PRICES),
        effort=reader.one_of("AGENT_EFFORT", usual.effort, EFFORTS),
        searches=reader.whole("AGENT_SEARCHES", usual.searches, 0, 10),
        fetches=reader.whole("AGENT_FETCHES", usual.fetches, 1, 20),
        page_tokens=reader.whole("AGENT_PAGE_TOKENS", usual.page_tokens, 500, 50_000),
        hosts=reader.hosts("TICKET_HOSTS"),
        daily_usd=reader.dollars("AI_DAILY_USD", usual.daily_usd, 0, 1_000),
        run_usd=reader.dollars("AI_RUN_USD", usual.run_usd, 0.01, 100),
        starts_an_hour=reader.whole("AI_STARTS_PER_HOUR", usual.starts_an_hour, 0, 10_000),
        parallel=reader.whole("AGENT_PARALLEL", usual.parallel, 1, 20),
        min_age=timedelta(seconds=reader.whole("MIN_AGE", 21_600, 0, 604_800, " of seconds")),
    )
    if 0 < found.daily_usd < found.run_usd:
        reader.faults.append("AI_RUN_USD must not be more than AI_DAILY_USD, or no run ever starts")
    return found


class Reader:
    """Takes words of *environ* one by one; what is empty is as usual, `faults` holds the rest."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: list[str] = []

    def whole(self, name: str, usual: int, least: int, most: int, unit: str = "") -> int:
        rule = f"must be a whole number{unit} from {least} to {most}"
        return int(self._number(name, r"[0-9]{1,9}", usual, least, most, rule))

    def dollars(self, name: str, usual: float, least: float, most: float) -> float:
        rule = f"must be an amount of US dollars from {least:g} to {most:g}, such as {usual:.2f}"
        return self._number(name, r"[0-9]{1,9}(\.[0-9]{1,6})?", usual, least, most, rule)

    def one_of(self, name: str, usual: str, known: Collection[str]) -> str:
        word = self._environ.get(name) or usual
        if word not in known:
            self._refuse(name, f"must be one of {', '.join(known)}")
        return word

    def matching(self, name: str, shape: re.Pattern[str], rule: str) -> str:
        word = self._environ.get(name, "")
        if not shape.fullmatch(word):
            self._refuse(name, rule)
        return word

    def hosts(self, name: str) -> tuple[str, ...]:
        parts = [part.strip() for part in self._environ.get(name, "").split(",")]
        found = tuple(part for part in parts if part)
        if not all(map(HOST.fullmatch, found)):
            self._refuse(name, "must be names of hosts in small letters, with commas between them")
        return found

    def _number(
        self, name: str, shape: str, usual: float, least: float, most: float, rule: str
    ) -> float:
        word = self._environ.get(name, "")
        if not word:
            return usual
        if not re.fullmatch(shape, word) or not least <= float(word) <= most:
            self._refuse(name, rule)
            return usual
        return float(word)

    def _refuse(self, name: str, rule: str) -> None:
        self.faults.append(f"{name} {rule}")
