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
    loaded = loaded_by(
        "import cinestream_worker.command, showtimes.site; showtimes.site.app.url_map"
    )

    assert {"flask", "pymongo", "cheroot"} <= loaded
    assert not {"anthropic", "httpx2", "pydantic"} & loaded


def test_the_runner_alone_needs_no_flask_and_no_database():
    loaded = loaded_by("import cinestream_worker.command")

    assert "cheroot" in loaded
    assert not {"flask", "pymongo", "showtimes", "cinestream_ops"} & loaded


def test_the_runner_loads_nothing_for_what_nginx_does_and_nobody_asks():
    loaded = loaded_by("import cinestream_worker.command")

    assert not {"ssl", "importlib.metadata"} & loaded


def test_what_the_runner_does_without_is_there_for_the_application():
    statements = (
        "import cinestream_worker.command, http.client, importlib.metadata, ssl",
        "assert http.client.HTTPSConnection and ssl.create_default_context()",
        "assert importlib.metadata.version('cheroot')",
        "from importlib import metadata; assert metadata is sys.modules['importlib.metadata']",
    )

    assert {"ssl", "importlib.metadata"} <= loaded_by("\n".join(statements))


def test_the_runner_takes_nothing_away_that_was_there_before_it():
    before = "import ssl, importlib.metadata as one; import cinestream_worker.command"
    after = "import cheroot; assert sys.modules['ssl'] is ssl and cheroot.__version__ == one.version('cheroot')"

    assert {"ssl", "importlib.metadata"} <= loaded_by(f"{before}\n{after}")


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


def test_a_worker_does_without_what_serves_developers_alone():
    loaded = loaded_by("import cinestream_worker.command, showtimes.site")

    assert not {"click", "werkzeug.test", "pymongo.asynchronous.mongo_client"} & loaded


def test_what_a_worker_does_without_is_there_for_whoever_imports_it():
    statements = (
        "import showtimes.site",
        "from flask.cli import AppGroup; assert AppGroup('name').commands == {}",
        "from pymongo.asynchronous.mongo_client import AsyncMongoClient as A; assert A.__init__",
        "client = showtimes.site.app.test_client(); assert client.get('/robots.txt').status_code == 200",
    )

    assert "click" in loaded_by("\n".join(statements))
