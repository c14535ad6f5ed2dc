"""
axe, the engine that finds what keeps people out of a page, run in a page of Chromium.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page
from tenant_processes import CACHE

WHEEL = "axe-playwright-python==0.1.8"  # carries axe 4.12.1
# Off unless asked for, since it is of WCAG 2.2.
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}


def script() -> str:
    """The engine itself, out of a wheel that is fetched once and never installed."""
    program = CACHE / "axe-0.1.8.min.js"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            fetched(Path(scratch)).replace(program)
    return program.read_text(encoding="utf-8")


def fetched(scratch: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "download", "--no-deps", "--dest", str(scratch), WHEEL], check=True)
    with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
        member = next(name for name in wheel.namelist() if name.endswith("/axe.min.js"))
        return Path(wheel.extract(member, scratch))


def violations(page: Page) -> list[str]:
    """What is wrong with *page* as it is now: the rule, and the first places."""
    page.evaluate(script())
    found: dict[str, Any] = page.evaluate("options => axe.run(document, options)", OPTIONS)
    return [
        f"{each['id']}: {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in found["violations"]
    ]
