"""
What Lighthouse thinks of the pages on a phone, and what they weigh on the way to it.

    python benchmarks/pages.py

Through a real nginx with the site's own configuration, to Debian's Chromium.  Lighthouse comes by
npm (Node 18.16 or newer), once, into the cache.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table
from street import CACHE, CITY, SHOWTIMES, SOURCE, street

LIGHTHOUSE = "12.8.2"  # the last that runs on Node 18 and 20
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
PAGES = {"home page": "/", f"city page, {SHOWTIMES} showtimes": f"/{CITY}"}
SCORE = 95
WEIGHT = 100 * 1000  # bytes of all that a first visit brings, compressed
LEFT: dict[str, Any] = {"title_justify": "left"}
TRIES = 2  # now and then Lighthouse loses its trace, and asks for another run


def main() -> None:
    lighthouse = lighthouse_here()
    scores = Table("PAGE", *CATEGORIES, title=f"Lighthouse {LIGHTHOUSE}, mobile", **LEFT)
    weights = Table("PAGE", "RESOURCE", "SENT", "UNPACKED", "GOAL", title="First visit", **LEFT)
    complaints: list[str] = []
    with street() as here:
        # Where a deploy puts them, for nginx.
        shutil.copytree(SOURCE / "showtimes" / "static", here.static, dirs_exist_ok=True)
        here.open()
        for name, path in PAGES.items():
            seen = report(lighthouse, f"http://tenant.localhost:{here.nginx}{path}")
            scores.add_row(name, *(f"{score(seen, each)}" for each in CATEGORIES))
            for row in weighed(name, seen):
                weights.add_row(*row)
            complaints += lost(name, seen)
    scores.add_row("goal", *(f"{SCORE}" for _ in CATEGORIES))
    console = Console(width=110)
    console.print(scores, weights, *complaints, sep="\n")


def lighthouse_here() -> Path:
    """Its program, which is installed when it is not there yet."""
    folder = CACHE / f"lighthouse-{LIGHTHOUSE}"
    program = folder / "node_modules" / ".bin" / "lighthouse"
    if not program.exists():
        if not shutil.which("npm"):
            raise SystemExit("error: Lighthouse needs Node and `npm`, which are not here")
        folder.mkdir(parents=True, exist_ok=True)
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        argv = ["npm", "install", *quiet, "--prefix", str(folder), f"lighthouse@{LIGHTHOUSE}"]
        subprocess.run(argv, check=True)
    return program


def report(lighthouse: Path, url: str) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        argv = [
            *(str(lighthouse), url, "--quiet", "--output=json", f"--output-path={path}"),
            *(f"--chrome-flags={FLAGS}", f"--only-categories={','.join(CATEGORIES)}"),
        ]
        for _ in range(TRIES):
            done = subprocess.run(argv, env={**os.environ, "CHROME_PATH": CHROMIUM}, check=False)
            if done.returncode == 0:
                found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                return found
    raise SystemExit(f"error: Lighthouse could not look at {url}; why stands above")


def score(seen: dict[str, Any], category: str) -> int:
    """Of 100."""
    return round(100 * float(seen["categories"][category]["score"]))


def weighed(name: str, seen: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Each thing that came over the network, headers and all, and the sum of them."""
    requests = seen["audits"]["network-requests"]["details"]["items"]
    for each in requests:
        resource = urlsplit(each["url"]).path
        yield name, resource, kilobytes(each["transferSize"]), kilobytes(each["resourceSize"]), ""
        name = ""
    whole = sum(each["transferSize"] for each in requests)
    yield "", "all", kilobytes(whole), "", f"{WEIGHT / 1000:.0f} KB"


def kilobytes(octets: int) -> str:
    return f"{octets / 1000:.1f} KB"


def lost(name: str, seen: dict[str, Any]) -> Iterator[str]:
    """What cost points, in Lighthouse's own words."""
    for category in CATEGORIES:
        for part in seen["categories"][category]["auditRefs"]:
            audit = seen["audits"][part["id"]]
            if part["weight"] and audit["score"] is not None and audit["score"] < 1:
                yield f"{name}, {category}: {audit['title']} ({audit['score']:.2f})"


if __name__ == "__main__":
    main()
