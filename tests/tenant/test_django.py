"""
A stock Django project behind a real nginx with the files of the case `own`: who logs in to its admin.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tenant_processes import CACHE, House
from test_worker_behind_nginx import served

pytestmark = [pytest.mark.tenant, pytest.mark.slow]

HOST = "shop.example"
VISITOR = "127.0.0.2"
PASSWORD = "not a secret"
DJANGO = ("django==5.2.8", "asgiref==3.10.0", "sqlparse==0.5.3")
TOLD = """
from django.http import HttpResponse
urlpatterns.append(path("told", lambda asked: HttpResponse(
    f"{asked.scheme} {asked.META['REMOTE_ADDR']} {asked.build_absolute_uri('/x')}"
)))
"""


def django() -> Path:
    """Django of the registry, fetched once, for nobody but these tests."""
    folder = CACHE / "-".join(DJANGO)
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
            target = Path(scratch, "site")
            subprocess.run([*pip, "install", "--no-deps", "--target", target, *DJANGO], check=True)
            target.rename(folder)
    return folder


def project(source: Path, environ: dict[str, str]) -> None:
    def run(*argv: str) -> None:
        subprocess.run([sys.executable, "-m", *argv], cwd=source, env=environ, check=True)

    run("django", "startproject", "mysite", ".")
    settings = source / "mysite/settings.py"
    text = settings.read_text()
    settings.write_text(text.replace("ALLOWED_HOSTS = []", f"ALLOWED_HOSTS = [{HOST!r}]"))
    with source.joinpath("mysite/urls.py").open("a") as urls:
        urls.write(TOLD)
    run("manage", "migrate", "--noinput", "--verbosity=0")
    run("manage", "createsuperuser", "--noinput", "--username=olena", "--email=o@example.com")


@pytest.fixture(scope="module")
def tls(tmp_path_factory) -> Iterator[int]:
    """The port at which the project is served over TLS."""
    folder = tmp_path_factory.mktemp("django")
    source = folder / "source"
    source.mkdir()
    words = {"PYTHONPATH": str(django()), "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    project(source, {**os.environ, **words})
    with ExitStack() as stack:
        house = House(folder, source, stack)
        stack.callback(house.door.close)
        worker = house.start(*house.program("--wsgi", "mysite.wsgi:application"), **words).ready()
        # A password is meant to be slow to check.
        yield served(folder / "nginx", worker, stack, seconds=30).tls


@contextmanager
def asked(
    port: int, method: str, path: str, body: str = "", **headers: str
) -> Iterator[http.client.HTTPResponse]:
    """The answer to a browser that has the site at its usual port."""
    trusting = ssl._create_unverified_context()
    plain = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(VISITOR, 0))
    visitor = http.client.HTTPConnection(HOST)
    visitor.sock = trusting.wrap_socket(plain, server_hostname=HOST)
    words = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        visitor.request(method, path, body, words)
        yield visitor.getresponse()
    finally:
        visitor.close()


def logged_in(port: int, password: str, origin: str) -> tuple[int, str]:
    """The status of the answer to the admin's own form, and its body."""
    with asked(port, "GET", "/admin/login/") as form:
        cookie = form.headers["Set-Cookie"].partition(";")[0]
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.read().decode())
    words = {
        "csrfmiddlewaretoken": found[1],
        "username": "olena",
        "password": password,
        "next": "/admin/",
    }
    headers = {
        "Origin": origin,
        "Cookie": cookie,
        "Content_Type": "application/x-www-form-urlencoded",
    }
    with asked(port, "POST", "/admin/login/", urllib.parse.urlencode(words), **headers) as answer:
        return answer.status, answer.read().decode()


def test_a_login_over_tls_is_taken(tls):
    status, text = logged_in(tls, PASSWORD, f"https://{HOST}")

    assert 302 == status, text


def test_a_login_from_another_site_is_not(tls):
    assert 403 == logged_in(tls, PASSWORD, "https://evil.example")[0]


def test_the_project_is_told_the_scheme_and_the_visitor(tls):
    with asked(tls, "GET", "/told") as answer:
        assert f"https {VISITOR} https://{HOST}/x" == answer.read().decode()
