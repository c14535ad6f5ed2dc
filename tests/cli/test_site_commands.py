"""
What the commands make of their options, before any server is asked.
"""

import pytest

from cinestream_ops.cli import code, domain, early, edit_site, env, show_site
from cinestream_ops.cli.code import Code
from cinestream_ops.cli.groups import flat
from cinestream_ops.cli.options import Balance, Changing, SiteOptions
from cinestream_ops.errors import OpsError
from cinestream_ops.spec import toml

BLOG = toml.site("blog", {"port": 8001, "workers": 4, "env": {"A": "1"}, "secrets": ["KEY"]})
WSGI = "def app(environ, start_response): ...\n"


def test_only_what_is_named_changes():
    options = SiteOptions(workers=8, balance=Balance.COOKIE)

    assert {"workers": 8, "balance": "cookie"} == edit_site.changes(BLOG, options, Code())


def test_more_workers_than_reserved_ports_reserve_more():
    changes = edit_site.changes(BLOG, SiteOptions(workers=150), Code())

    assert {"workers": 150, "reserve": 200} == changes


def test_the_memory_of_a_worker_stays_the_owners_word():
    brought = Code({"memory": 200, "release": "a" * 64})

    assert "memory" not in edit_site.changes(BLOG, SiteOptions(), brought)


def test_the_source_of_a_site_is_named_by_its_full_path(tmp_path, monkeypatch):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/shop.py").write_text(WSGI)
    monkeypatch.chdir(tmp_path)

    brought = code.asked(SiteOptions(source="shop", wsgi="shop:app"))

    assert str(tmp_path / "shop") == brought.keys["source"]
    assert {brought.keys["release"], brought.keys["requirements"]} == set(brought.uploads)


def test_a_source_without_the_module_is_refused(tmp_path):
    with pytest.raises(OpsError, match="has no module `shop`"):
        code.asked(SiteOptions(source=str(tmp_path), wsgi="shop:app"))


def test_going_back_to_the_bundled_site_leaves_the_application_behind():
    brought = code.asked(SiteOptions(source="bundled"), "/srv/shop", "shop:app")

    assert ("bundled", "") == (brought.keys["source"], brought.keys["wsgi"])


def test_a_variable_that_becomes_a_secret_is_plain_no_longer():
    site = env.edited(BLOG, {}, ["A"])

    assert ({}, ("A", "KEY")) == (site.env, site.secrets)


def test_a_secret_that_becomes_plain_is_a_secret_no_longer():
    site = env.edited(BLOG, {"KEY": "2"}, [])

    assert ({"A": "1", "KEY": "2"}, ()) == (site.env, site.secrets)


def test_a_list_of_variables_masks_what_is_secret():
    fact = {"plain": {"A": "1", "SITE": "blog"}, "hidden": ["KEY", "SECRET_KEY"]}

    assert [
        ("A", "1", "plain"),
        ("SITE", "blog", "cinestream"),
        ("KEY", "•••", "secret"),
        ("SECRET_KEY", "•••", "on the server"),
    ] == [tuple(row.values()) for row in env.rows(BLOG, fact)]


def test_the_value_of_a_secret_is_read_from_a_file(tmp_path):
    path = tmp_path / "key"
    path.write_text("hush\n")

    assert "hush" == env.value("KEY", path).reveal()


def test_a_secret_of_several_lines_is_refused_without_being_shown(tmp_path):
    path = tmp_path / "key"
    path.write_text("hush\nhush\n")

    with pytest.raises(OpsError) as raised:
        env.value("KEY", path)

    assert "line break" in str(raised.value)
    assert "hush" not in str(raised.value) + raised.value.hint


def test_a_domain_that_waits_for_its_certificate_is_listed_with_the_reason():
    site = toml.edited(BLOG, {"domains": ["blog.example"]})
    record = {"state": "pending-dns", "reason": "no A record", "hint": "", "next_try": 0}

    (row,) = domain.rows(site, {"blog.example": record})

    assert ("blog.example", "pending-dns", "no A record") == (
        row["domain"],
        row["state"],
        row["why"],
    )


def test_a_domain_reaches_the_server_if_each_of_its_addresses_does():
    tokens = [{}, {"192.0.2.1": ""}, {"192.0.2.1": "", "2001:db8::1": "nobody answers"}]

    found = [{"token": each, "shut_out": ""} for each in tokens]
    found += [{"token": {"192.0.2.1": ""}, "shut_out": "timed out"}]

    assert [False, True, False, False] == [domain.reached(each)["reaches"] for each in found]


def test_a_site_is_shown_with_where_it_lives():
    told = show_site.everything(BLOG)

    assert ("blog", "/var/www/blog") == (told["user"], told["home"])
    assert ["KEY"] == told["secrets"]


def test_a_dataclass_among_the_parameters_stands_for_its_fields():
    made = []

    def command(name: str, asked: Changing) -> None:
        made.append((name, asked))

    flat(command)(
        name="blog",
        server="web1",
        as_json=True,
        wait=3,
        ssh="",
        yes=True,
        plan_only=False,
        diff=False,
    )

    assert [("blog", Changing("web1", as_json=True, wait=3, yes=True))] == made


@pytest.mark.parametrize(
    ("line", "server"),
    [
        ("sites", ""),
        ("sites --server web1", "web1"),
        ("sites --server=web1", "web1"),
        ("setup web1 --yes", "web1"),
        ("setup --yes", ""),
        ("setup", ""),
        ("sites --server", ""),
    ],
)
def test_the_server_of_a_command_is_known_before_its_options_are_read(line, server):
    assert server == early.server(line.split())


def test_packages_that_may_be_built_are_those_named_last():
    first = toml.edited(
        BLOG, edit_site.changes(BLOG, SiteOptions(allow_source=["a", "B_c"]), Code())
    )
    kept = edit_site.changes(first, SiteOptions(workers=8), Code())
    none = toml.edited(first, edit_site.changes(first, SiteOptions(allow_source=[""]), Code()))

    assert ("a", "b-c") == first.allow_source
    assert {"workers": 8} == kept
    assert BLOG == none
