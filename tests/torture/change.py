"""
The changes that are broken off at every step: one line each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
BOTTLE = f"--source {HERE.parent / 'owner/sites/bottle_site'} --wsgi shop:application"
NEWER = f"--source {HERE / 'site'} --wsgi shop:application"
SITE = "blog"
DOMAIN = "blog.example.test"

ADD = f"add-site {SITE} {BOTTLE} --workers 2 --yes"
REMOVE = f"remove-site {SITE} --purge --yes"
TWO = f"edit-site {SITE} --workers 2 --yes"
THREE = f"edit-site {SITE} --workers 3 --yes"
NAMED = f"domain add {SITE} {DOMAIN} --yes"
NAMELESS = f"domain remove {SITE} {DOMAIN} --yes"
AS_IT_WAS = f"deploy {SITE} {BOTTLE} --yes"
ANEW = f"deploy {SITE} {NEWER} --yes"
BACK = f"rollback {SITE} --yes"
RENAMED = f"rename-site {SITE} diary --yes"
AS_BEFORE = f"rename-site diary {SITE} --yes"


@dataclass(frozen=True)
class Change:
    """A *line* that is typed, the line *back* from it, and those that lead to where it starts."""

    name: str
    line: str
    back: str
    before: tuple[str, ...] = ()


CHANGES = (
    Change("add-site", ADD, REMOVE),
    Change("remove-site", REMOVE, ADD, (ADD,)),
    Change("edit-site up", THREE, TWO, (ADD,)),
    Change("edit-site down", TWO, THREE, (ADD, THREE)),
    Change("restart", f"restart {SITE} --yes", "", (ADD,)),
    Change("domain add", NAMED, NAMELESS, (ADD,)),
    Change("domain remove", NAMELESS, NAMED, (ADD, NAMED)),
    Change("deploy", ANEW, BACK, (ADD, ANEW, AS_IT_WAS)),
    Change("rollback", BACK, BACK, (ADD, ANEW)),
    Change("rename-site", RENAMED, AS_BEFORE, (ADD,)),
)
SETUP = Change("setup", "setup --yes", "")
