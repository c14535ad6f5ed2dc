"""
Words with rules: what is one, and what is said of what is not.
"""

from __future__ import annotations

import pytest

from cinestream_ops.spec.calendar import Calendar
from cinestream_ops.spec.domains import DomainName
from cinestream_ops.spec.names import (
    Digest,
    Email,
    EnvName,
    EnvValue,
    HttpsUrl,
    Program,
    RelativePath,
    SiteName,
    Source,
    WsgiName,
)
from cinestream_ops.spec.words import NotAllowed

GOOD = {
    SiteName: ["blog", "movie_app", "a", "my-shop2", "a" * 32],
    DomainName: ["blog.example", "a.b-c.example.com", "1.example", "xn--nx-tja4c.example"],
    EnvName: ["DEBUG", "_X", "A1"],
    EnvValue: ["", "a b", "it's \"quoted\" #1 \\ $x", "\ttab", "Київ"],
    WsgiName: ["", "app:app", "shop.wsgi:make.app"],
    RelativePath: ["", "static", "a/b-c/d.e"],
    Program: ["refresh.py", "jobs/daily-run.py"],
    Source: ["bundled", "./shop", "/srv/my shop", "git@host.example:a/b.git", "https://h.example/a"],
    Digest: ["", "0" * 64],
    Email: ["", "owner@example.com", "a.b+c@mail.example.org"],
    HttpsUrl: ["", "https://acme.example/dir", "https://10.0.0.1:14000/dir"],
    Calendar: [
        "daily", "*-*-* 04:30", "*-*-* 06:00:00", "Mon..Fri 09:00", "Mon,Wed *-*-1..7 4:00:00 UTC",
        "04:30", "*:0/15", "2027-01-01 00:00", "hourly Europe/Kyiv", "*-*~1", "Sat",
    ],
}  # fmt: skip

BAD = {
    SiteName: ["", "my site", "a/b", "..", ".", "Blog", "a\n", "1a", "-a", "a" * 33, "блог", "a.b"],
    DomainName: ["", "exa mple.com", "-a.example", "a..example", "a_b.example", "a.1", "x" * 64 + ".example"],
    EnvName: ["", "a", "1A", "A-B", "A B", "A=", "É"],
    EnvValue: ["a\nb", "a\r", "\0", "\x1b[0m", "x" * 65537],
    WsgiName: ["app", "app:", ":app", "a/b:c", "a b:c", "a:b()"],
    RelativePath: ["/etc", "..", "a/../b", "a//b", "a/", ".git", "a/.hid", "a b", "a\n", "."],
    Program: ["", "refresh", "/a.py", "../a.py", "a b.py", "-c.py"],
    Source: ["", "-oProxyCommand=x", "a\nb", " a"],
    Digest: ["0" * 63, "G" * 64, "A" * 64],
    Email: ["owner", "@example.com", "a@b", "-a@example.com", "a b@example.com"],
    HttpsUrl: ["http://a.example", "https://", "ftp://a", "https://a b"],
    Calendar: ["", "sometimes", "daily; rm", "04", "Mon Tue", "*-*-* 04:30\n", " daily", "%i"],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in GOOD for text in GOOD[kind]])
def test_what_follows_the_rule_is_a_word(kind, text):
    assert text == kind(text)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in BAD for text in BAD[kind]])
def test_what_breaks_the_rule_never_is(kind, text):
    with pytest.raises(NotAllowed) as caught:
        kind(text)

    assert caught.value.hint


@pytest.mark.parametrize(
    "taken",
    ["root", "www-data", "mongodb", "nginx", "ssh", "cinestream", "server", "getty", "html", "admin",
     "systemd-resolve", "cinestream-recover", "blog-refresh"],
)  # fmt: skip
def test_names_of_the_system_are_not_free(taken):
    with pytest.raises(NotAllowed, match="is not free to be a site name"):
        SiteName(taken)


@pytest.mark.parametrize("taken", ["SITE", "SECRET_KEY", "PATH", "LD_PRELOAD", "LISTEN_FDS"])
def test_variables_that_we_or_the_system_set_are_refused(taken):
    with pytest.raises(NotAllowed, match="is set by cinestream or the system"):
        EnvName(taken)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("192.0.2.1", "is an IP address"),
        ("2001:db8::1", "is an IP address"),
        ("[::1]", "is an IP address"),
        ("*.example.com", "is a wildcard"),
        ("example.com:8080", "has a port in it"),
        ("https://example.com", "is an address"),
        ("example.com/shop", "is an address"),
        ("localhost", "never leaves this machine"),
        ("blog.localhost", "never leaves this machine"),
        ("blog", "has no dot in it"),
        (".".join(["a" * 60] * 5), "is over 253 characters"),
        ("straße.example", "old and new rules"),
    ],
)
def test_what_looks_like_a_domain_is_told_why_it_is_none(text, reason):
    with pytest.raises(NotAllowed, match=reason):
        DomainName(text)


def test_a_wildcard_is_told_that_it_needs_a_dns_challenge():
    with pytest.raises(NotAllowed) as caught:
        DomainName("*.example.com")

    assert "DNS challenge" in caught.value.hint


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Blog.EXAMPLE.", "blog.example"),
        ("київ.example", "xn--b1alf1j.example"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_domain_name_is_spelled_as_the_dns_carries_it(typed, name):
    assert name == DomainName(typed)


def test_the_value_of_a_variable_is_never_repeated():
    with pytest.raises(NotAllowed) as caught:
        EnvValue("hunter2\n")

    assert "hunter2" not in str(caught.value)
    assert not caught.value.shown


def test_a_password_in_a_git_address_is_refused_and_not_repeated():
    with pytest.raises(NotAllowed) as caught:
        Source("https://me:hunter2@git.example/a")

    assert "hunter2" not in str(caught.value)
    assert not caught.value.shown
