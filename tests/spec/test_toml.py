"""
Specs as text: every fault at once with its address, and equal specs as equal text.
"""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinestream_ops.errors import BadSpec
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.spec.site import Site


def faults(**specs: str) -> list[str]:
    """What is said of sites by name, or of `server`."""
    paths = {"server": "server.toml"}
    files = {paths.get(name, f"sites/{name}.toml"): text for name, text in specs.items()}
    with pytest.raises(BadSpec) as caught:
        toml.load(files)
    return [str(fault) for fault in caught.value.faults]


def hint(**specs: str) -> str:
    with pytest.raises(BadSpec) as caught:
        toml.load({f"sites/{name}.toml": text for name, text in specs.items()})
    return caught.value.faults[0].hint


def test_a_site_needs_no_more_than_a_port():
    house = toml.load({"sites/blog.toml": "port = 8001"})

    site = house.sites["blog"]
    assert range(8001, 8025) == site.ports
    assert range(8001, 8101) == site.block
    assert "blog" == site.user
    assert ("blog@8001.service", "blog@8024.service") == (site.units[0], site.units[-1])
    assert "ip-hash" == site.balance


def test_a_fault_is_told_with_its_address():
    said = faults(blog='port = 8001\ndomains = ["a.example", "exa mple.com"]')

    assert ["sites/blog/domains/1: `exa mple.com` is not a domain name"] == said


def test_a_domain_may_be_a_table_and_is_told_alike():
    said = faults(blog='port = 8001\ndomains = [{ name = "exa mple.com", www = true }]')

    assert ["sites/blog/domains/0: `exa mple.com` is not a domain name"] == said


def test_all_faults_of_all_files_are_told_at_once():
    said = faults(
        server='email = "nobody"',
        blog='port = 80\nworkers = 0\n[env]\nlower = "x"',
        shop="port = 8101\nwokers = 3",
        broken="port = = 3",
    )

    assert [
        "server/email: `nobody` is not an e-mail address",
        "sites/blog/port: `80` is less than 1024",
        "sites/blog/workers: `0` is less than 1",
        "sites/blog/env/lower: `lower` is not the name of a variable",
        "sites/broken: line 1, column 8 is not TOML: invalid value",
        "sites/shop/wokers: nobody reads this key",
    ] == said


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        ("0", "`0` is less than 1"),
        ("-1", "`-1` is less than 1"),
        ("10000", "`10000` is more than 1000"),
        ("24.5", "`24.5` is not a whole number"),
        ('"24"', '`"24"` is not a whole number'),
        ("true", "`true` is not a whole number"),
        ("101", "`101` workers do not fit in 100 reserved ports"),
    ],
)
def test_workers_are_a_whole_number_that_fits_the_block(workers, said):
    assert [f"sites/blog/workers: {said}"] == faults(blog=f"port = 8001\nworkers = {workers}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 32700", "sites/blog/reserve: `100` ports from 32700 on go beyond 32767"),
        ("", "sites/blog/port: is missing"),
        ('port = 8001\nbalance = "random"',
         "sites/blog/balance: `random` is not `ip-hash`, `cookie` or `least-conn`"),
        ('port = 8001\nsource = "/srv/x"', "sites/blog/wsgi: a source of your own needs one"),
        ('port = 8001\nwsgi = "a:b"', "sites/blog/wsgi: `a:b` goes with a source of your own"),
        ("port = 8001\nenv = 3", "sites/blog/env: `3` is not a table"),
        ("port = 8001\n[env]\nA = 3", "sites/blog/env/A: the value is not text"),
        ('port = 8001\n[env]\nA = "hunter\\n2"',
         "sites/blog/env/A: the value has a line break or a control character in it, or is over 64 KiB"),
        ('port = 8001\n[env]\nMONGODB_URI = "x"',
         "sites/blog/env: `MONGODB_URI` is set by cinestream"),
        ('port = 8001\nsecrets = ["A"]\n[env]\nA = "x"', "sites/blog/secrets: `A` is in `env` too"),
        ('port = 8001\ndomains = "a.example"',
         'sites/blog/domains: `"a.example"` is not a list'),
        ('port = 8001\ndomains = [{ name = "www.a.example", www = true }]',
         "sites/blog/domains/0/www: `www.a.example` cannot have `www.` before it"),
        ('port = 8001\n[[indexes]]\ncollection = "c"\nkeys = []',
         "sites/blog/indexes/0/keys: an index has 1 to 32 keys"),
        ('port = 8001\n[[indexes]]\ncollection = "c"\nkeys = [["a", 2]]',
         "sites/blog/indexes/0/keys/0/1: `2` is not 1, -1 or `2dsphere`"),
        ('port = 8001\n[[indexes]]\ncollection = "c"\nkeys = [["a", 1], ["b", 1]]\nexpire_after = 5',
         "sites/blog/indexes/0/expire_after: an index on several fields cannot expire"),
        ('port = 8001\n[[limits]]\npath = "/a b"\nrate = "6r/m"',
         "sites/blog/limits/0/path: `/a b` is not the path of an address"),
        ('port = 8001\n[[limits]]\npath = "/metrics"\nrate = "6r/m"',
         "sites/blog/limits/0/path: `/metrics` is never served to visitors"),
        ('port = 8001\n[[limits]]\npath = "/a"\nrate = "6 a minute"',
         "sites/blog/limits/0/rate: `6 a minute` is not a rate"),
        ('port = 8001\n[[limits]]\npath = "/a"\nrate = "6r/m"\nmethod = "GET"',
         "sites/blog/limits/0/method: `GET` is not `any` or `POST`"),
        ('port = 8001\n[[limits]]\npath = "/a"\nrate = "6r/m"\n[[limits]]\npath = "/a"\nrate = "1r/s"',
         "sites/blog/limits: `/a` is named twice"),
        ('port = 8001\n[[caches]]\npath = "/"', "sites/blog/caches/0/unless_cookie: is missing"),
        ('port = 8001\n[[caches]]\npath = "/"\nunless_cookie = "a-b"',
         "sites/blog/caches/0/unless_cookie: `a-b` is not the name of a cookie that nginx can look at"),
        ('name = "blog"\nport = 8001', "sites/blog/name: nobody reads this key"),
    ],
)  # fmt: skip
def test_each_wrong_field_has_a_sentence(text, said):
    assert [said] == faults(blog=text)


def test_a_database_of_the_owners_own_has_a_uri_of_the_owners_own():
    house = toml.load({
        "sites/blog.toml": 'port = 8001\ndatabase = false\nsecrets = ["MONGODB_URI"]'
    })  # fmt: skip

    assert ("MONGODB_URI",) == house.sites["blog"].secrets


def test_an_unknown_key_is_answered_with_the_known_ones():
    said = hint(blog="port = 8001\nwokers = 3")

    assert said.startswith("did you mean `workers`? known keys: `port`, `reserve`, `workers`")


@pytest.mark.parametrize("name", ["my site", "a/b", "..", "Blog", "x" * 33, "root", "nginx"])
def test_a_site_with_an_impossible_name_is_refused(name):
    with pytest.raises(BadSpec, match="site name"):
        toml.site(name, {"port": 8001})


def test_a_message_holds_nothing_that_a_terminal_would_obey():
    with pytest.raises(BadSpec) as caught:
        toml.site("blog", {"port": 8001, "static": "\x1b[31mred\u202e"})

    assert "`\\x1b[31mred\\u202e` is not a path" in str(caught.value)


@pytest.mark.parametrize(
    "text", ['"\\u001b[31m" = 1\nport = 8001', 'port = 8001\n[env]\n"\\u001b" = "x"']
)
def test_an_address_holds_nothing_that_a_terminal_would_obey(text):
    [said] = faults(blog=text)

    assert said.isprintable()


def test_blocks_of_two_sites_never_overlap():
    said = faults(
        big="port = 8001\nreserve = 1000",
        one="port = 8101\nreserve = 3\nworkers = 3",
        two="port = 8500",
    )

    assert [
        "sites/one/port: ports 8101-8103 overlap those of `big`, 8001-9000",
        "sites/two/port: ports 8500-8599 overlap those of `big`, 8001-9000",
    ] == said


def test_blocks_may_touch():
    house = toml.load({"sites/a.toml": "port = 8001", "sites/b.toml": "port = 8101"})

    assert ["a", "b"] == list(house.sites)


def test_a_domain_leads_to_one_site():
    said = faults(
        blog='port = 8001\ndomains = [{ name = "a.example", www = true }]',
        shop='port = 8101\ndomains = ["b.example", "WWW.a.example"]',
    )

    assert ["sites/shop/domains/1: `www.a.example` leads to `blog` already"] == said


def test_one_file_may_hold_a_whole_house():
    house = toml.parse_file('[server]\nemail = "o@example.com"\n[sites.blog]\nport = 8001')

    assert "o@example.com" == house.server.email
    assert ["blog"] == list(house.sites)


def test_an_unknown_table_of_such_a_file_is_refused():
    with pytest.raises(BadSpec, match="site: nobody reads this key") as caught:
        toml.parse_file("[site.blog]\nport = 8001")

    assert "did you mean `sites`?" in caught.value.faults[0].hint


def test_an_empty_file_is_an_empty_house():
    assert House() == toml.parse_file("")


def test_an_archive_of_mongodb_needs_its_digest():
    said = faults(server='[mongodb]\nmode = "archive"')

    assert ["server/mongodb/sha256: an archive needs its digest"] == said


def test_a_key_that_is_set_to_none_goes_back_to_its_default():
    site = toml.site("blog", {"port": 8001, "workers": 4, "memory": 200})

    edited = toml.edited(site, {"workers": None, "memory": 80})

    assert (24, 80) == (edited.workers, edited.memory)


FULL = """
port = 8001
reserve = 200
workers = 150
balance = "cookie"
source = "https://git.example/shop"
wsgi = "shop.wsgi:app"
static = "shop/static"
release = "RELEASE"
database = false
secrets = ["API_KEY"]
memory = 128

[env]
GREETING = 'it''s "so" \\ #1 $x'

[refresh]
program = "jobs/refresh.py"
calendar = "*-*-* 06:00:00"

[[domains]]
name = "b.example"
www = true

[[domains]]
name = "a.example"
staging = true

[[indexes]]
collection = "c"
keys = [["geo", "2dsphere"], ["t", -1]]
unique = true
""".replace("RELEASE", "a" * 64).replace("''", "’")


def test_a_dumped_site_is_read_back_the_same():
    site = toml.load({"sites/shop.toml": FULL}).sites["shop"]

    again = toml.load({"sites/shop.toml": toml.dump_site(site)}).sites["shop"]

    assert site == again
    assert toml.dump_site(site) == toml.dump_site(again)


def test_a_dumped_server_is_read_back_the_same():
    text = f'email = "o@example.com"\nunattended_upgrades = false\n[mongodb]\nmode = "archive"\nsha256 = "{"b" * 64}"\ncache = 512'
    server = toml.load({"server.toml": text}).server

    again = toml.load({"server.toml": toml.dump_server(server)}).server

    assert server == again
    assert not again.unattended_upgrades


def test_a_dump_says_on_top_what_it_is():
    site = toml.site("blog", {"port": 8001})

    assert toml.dump_site(site).startswith("# The site blog, as it was asked for")


def test_a_dump_keeps_choices_that_agree_with_the_defaults():
    dumped = tomllib.loads(toml.dump_site(toml.site("blog", {"port": 8001})))

    expected = {
        "port", "reserve", "workers", "balance", "source", "database", "memory", "tasks", "keep",
    }  # fmt: skip
    assert expected == set(dumped)


@pytest.mark.parametrize("key", ["[key]", "nmae"])
def test_an_unknown_key_is_told_with_those_there_are_whatever_it_is_called(key):
    table = {"port": 8001, "domains": [{"name": "a.example.com", key: 1}]}

    with pytest.raises(BadSpec) as refused:
        toml.site("blog", table)

    assert "`name`, `www`" in refused.value.faults[0].hint


def outcome(act):
    """What *act* returns, or the faults it is refused for."""
    try:
        return act()
    except BadSpec as error:
        return error.faults


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20) | st.integers() | st.booleans()))
def test_whatever_a_table_holds_it_is_read_or_refused(table):
    assert outcome(lambda: toml.site("blog", {"port": 8001, **table}))


@given(st.text())
def test_whatever_a_file_holds_it_is_read_or_refused(text):
    assert outcome(lambda: toml.parse_file(text))


@given(st.text(max_size=30))
def test_any_value_that_is_taken_survives_being_written_down(value):
    found = outcome(lambda: toml.site("blog", {"port": 8001, "env": {"A": value}}))

    if isinstance(found, Site):
        assert found == toml.load({"sites/blog.toml": toml.dump_site(found)}).sites["blog"]


@pytest.mark.parametrize("name", [":all:", "a==1", "-r", "a b", "git+https://a/b", "../a", ""])
def test_what_may_be_built_is_named_package_by_package(name):
    told = faults(blog=f"port = 8001\nallow_source = [{name!r}]")

    assert "is not the name of a package" in told[0]
