"""
Hostile text in every field of a spec: it is refused, or what is rendered keeps its shape.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinestream_ops import desired
from cinestream_ops.agent import dotenv
from cinestream_ops.desired.nginx import Page
from cinestream_ops.errors import BadSpec
from cinestream_ops.render import render
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.state.facts import Machine
from cinestream_ops.state.items import EnvFile
from tests.render import case

PIECES = [
    ";", "{", "}", "\n", "\r", "\0", "'", '"', "\\", "$", "${IFS}", "`id`", "%n", "%i", "#", " ", "..", "/", "../../etc",
    "ExecStart=/bin/sh", "; return 200;", "} server {", "\u2028", "\x85", "é", "[Service]", "include /etc/passwd;",
    "-rf", "--", "*", "a", "blog", ".example", "app:app", "daily", "job.py", "https://a.example/d", "1",
]  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), min_size=1, max_size=4).map(
    "".join
)

BASE = {
    "port": 8001,
    "workers": 2,
    "source": "/srv/x",
    "wsgi": "app:app",
    "static": "public",
    "domains": [{"name": "blog.example", "www": True}],
    "env": {"GREETING": "hello"},
    "refresh": {"program": "job.py", "calendar": "daily"},
    "indexes": [{"collection": "c", "keys": [["a", 1]]}],
    "limits": [{"path": "/limited", "rate": "6r/m"}],
    "caches": [{"path": "/kept", "unless_cookie": "c"}],
}
# How each field of the owner's takes a text.
FIELDS = {
    "source": lambda text: {"source": text},
    "wsgi": lambda text: {"wsgi": text},
    "static": lambda text: {"static": text},
    "balance": lambda text: {"balance": text},
    "release": lambda text: {"release": text},
    "domain": lambda text: {"domains": [{"name": text, "www": True}]},
    "authority": lambda text: {"domains": [{"name": "blog.example", "acme_directory": text}]},
    "variable": lambda text: {"env": {text: "hello"}},
    "value": lambda text: {"env": {"GREETING": text}},
    "secret": lambda text: {"secrets": [text]},
    "program": lambda text: {"refresh": {"program": text, "calendar": "daily"}},
    "calendar": lambda text: {"refresh": {"program": "job.py", "calendar": text}},
    "collection": lambda text: {"indexes": [{"collection": text, "keys": [["a", 1]]}]},
    "path": lambda text: {"limits": [{"path": text, "rate": "6r/m"}]},
    "rate": lambda text: {"limits": [{"path": "/limited", "rate": text}]},
    "method": lambda text: {"limits": [{"path": "/limited", "rate": "6r/m", "method": text}]},
    "kept": lambda text: {"caches": [{"path": text, "unless_cookie": "c"}]},
    "cookie": lambda text: {"caches": [{"path": "/kept", "unless_cookie": text}]},
    "message": lambda text: {"maintenance": {"message": text}},
}


def everything(site):
    house = House(toml.server({}), {site.name: site})
    return desired.everything(house, Machine(nginx="1.22.1"), {}, case.SHIPPED)


def shape(text: str) -> list[str]:
    """What gives a file its meaning: lines, words before `=`, braces, semicolons, quotes."""
    return [re.sub(r"[^{};=\"'#$\[\]\\]", "", line) for line in text.splitlines()]


def shapes(site) -> list[list[str]]:
    files = case.files(everything(site))
    texts = (text for path, text in sorted(files.items()) if not path.endswith((".toml", ".html")))
    return [shape(text) for text in texts]


def taken(name: str, changes) -> object:
    try:
        return toml.site(name, {**BASE, **changes})
    except BadSpec:
        return None


@pytest.mark.parametrize("field", FIELDS)
@given(text=HOSTILE)
def test_hostile_text_is_refused_or_changes_no_shape(field, text):
    site = taken("blog", FIELDS[field](text))

    if site:
        twin = toml.site("blog", {**BASE, **FIELDS[field](tame(field, site))})
        assert shapes(twin) == shapes(site)


def tame(field: str, site) -> str:
    """A harmless text where *site* has a hostile one that was taken."""
    if field == "source":
        return site.source if site.bundled else "/srv/y"
    return {
        "wsgi": "app:app" if site.wsgi else "", "static": "public" if site.static else "",
        "balance": site.balance, "release": site.release, "domain": "blog.example",
        "authority": "", "variable": "GREETING", "value": "hello", "secret": "API_KEY",
        "program": "job.py", "calendar": "daily", "collection": "c",
        "path": "/limited", "rate": "6r/m", "method": "any", "kept": "/kept", "cookie": "c",
        "message": "back soon",
    }[field]  # fmt: skip


class Reader(HTMLParser):
    """The tags of a page, and the text in each kind of them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, object]] = []
        self.texts: dict[str, str] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        tag, _ = self.tags[-1] if self.tags else ("", None)
        self.texts[tag] = self.texts.get(tag, "") + data


@given(HOSTILE)
def test_a_message_is_read_on_the_page_as_it_was_written_and_is_nothing_but_text(text):
    site = taken("blog", {"maintenance": {"message": text}})

    if site and site.maintenance.message:
        page = case.files(everything(site))["/etc/nginx/cinestream/blog.html"]
        tame = render("nginx/away.html", Page("back soon", ""))
        assert Reader(tame).tags == Reader(page).tags
        assert text == Reader(page).texts["title"].rstrip("\n")
        assert text == Reader(page).texts["h1"].rstrip("\n")


@given(HOSTILE)
def test_a_hostile_name_of_a_site_is_refused_or_changes_no_shape(name):
    site = taken(name, {})

    if site:
        assert sorted(shapes(taken("blog", {}))) == sorted(shapes(site))


@given(HOSTILE)
def test_any_value_that_is_taken_can_be_written_into_the_env_file_and_read_back(text):
    site = taken("blog", {"env": {"GREETING": text}})

    if site:
        [env] = (item for item in everything(site)["blog"] if isinstance(item, EnvFile))
        assert text == dotenv.parse(dotenv.dump(dict(env.plain)))["GREETING"]
