"""
Claims about what is shipped: its files, its requirements, what importing it loads.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

from tenant_processes import SOURCE

REQUIREMENTS = (SOURCE.parent / "requirements.txt").read_text()


def loaded_by(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    env = {"MONGODB_URI": "mongodb://127.0.0.1:1", "MONGODB_DATABASE": "x", "SECRET_KEY": "x"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=SOURCE,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_a_worker_never_imports_the_claude_sdk():
    loaded = loaded_by("import showtimes.worker, showtimes.site; showtimes.site.app.url_map")

    assert {"flask", "pymongo", "cheroot"} <= loaded
    assert not {"anthropic", "httpx2", "pydantic"} & loaded


def test_the_runner_alone_needs_no_flask_and_no_database():
    loaded = loaded_by("sys.path.insert(0, 'showtimes'); import worker")

    assert not {"flask", "pymongo", "showtimes", "cinestream_ops"} & loaded


def test_importing_the_package_imports_nothing_else():
    assert not {"flask", "pymongo"} & loaded_by("import showtimes")


def test_every_requirement_is_pinned_and_hashed_and_names_no_registry():
    pins = re.split(r"\n(?=[a-z])", REQUIREMENTS)

    assert all(re.match(r"[a-z0-9._-]+==\S+ ", pin) and "--hash=sha256:" in pin for pin in pins)
    assert not re.search(r"https?://|^-", REQUIREMENTS, re.MULTILINE)


def test_the_site_file_names_files_that_are_there():
    site = tomllib.loads((SOURCE / "site.toml").read_text())

    assert (SOURCE / site["static"]["directory"] / "site.css").is_file()
    assert (SOURCE / site["refresh"]["program"]).is_file()
    assert 0 < site["worker"]["memory"] < 100
