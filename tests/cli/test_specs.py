"""
The owner's own file over the specs of a server.
"""

from pathlib import Path

import pytest

from cinestream_ops.cli import specs
from cinestream_ops.errors import BadSpec, NotFound, OpsError
from cinestream_ops.spec import toml
from tests.cli.fake import Server

WSGI = "def app(environ, start_response): ...\n"


@pytest.fixture
def host():
    there = {
        "server.toml": toml.dump_server(toml.server({"email": "ann@example.com"})),
        "sites/blog.toml": toml.dump_site(toml.site("blog", {"port": 8001, "workers": 4})),
    }
    with Server(specs=there).session() as host:
        yield host


@pytest.fixture
def over(host, tmp_path):
    def wanted(text):
        path = tmp_path / "house.toml"
        path.write_text(text)
        return specs.wanted(host, path)

    return wanted


def test_without_a_file_the_servers_own_specs_count(host):
    assert host.house == specs.wanted(host, None).house
    assert specs.scope(host, [], specs.wanted(host, None)) is None


def test_a_site_of_the_file_keeps_the_port_it_has(over):
    wanted = over("[sites.blog]\nworkers = 8\n")

    assert (8001, 8) == (wanted.house.sites["blog"].port, wanted.house.sites["blog"].workers)
    assert {"blog"} == wanted.named


def test_what_the_file_does_not_name_stays(over):
    wanted = over("[sites.shop]\nport = 9001\n")

    assert ["blog", "shop"] == list(wanted.house.sites)
    assert "ann@example.com" == wanted.house.server.email


def test_a_new_site_brings_the_digests_of_its_source(over, tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/shop.py").write_text(WSGI)

    wanted = over('[sites.shop]\nport = 9001\nsource = "shop"\nwsgi = "shop:app"\n')

    site = wanted.house.sites["shop"]
    assert {site.release, site.requirements} == set(wanted.carried.uploads)


def test_the_file_may_change_the_server_as_well(over, host):
    wanted = over('[server]\nemail = "bob@example.com"\n')

    assert {""} == wanted.named
    assert "bob@example.com" == wanted.house.server.email


def test_ten_faults_are_told_at_once(over):
    text = """\
[server]
email = "nobody"
acme_directory = "http://plain"
colour = "red"
[sites.blog]
workers = 0
memory = 1
domains = ["exa mple.com", "*.example.com", "10.0.0.1"]
env = { "a-b" = "1" }
[sites."My Shop"]
"""
    with pytest.raises(BadSpec) as raised:
        over(text)

    assert 10 <= len(raised.value.faults) + 1
    assert "sites/blog/workers: `0` is less than 1" in map(str, raised.value.faults)


def test_what_is_no_toml_is_told_with_its_line(over):
    with pytest.raises(BadSpec, match="line 2, column 1"):
        over('[sites.blog]\n= "x"\n')


def test_two_sites_on_one_block_of_ports_are_refused(over):
    with pytest.raises(BadSpec, match="overlap"):
        over("[sites.shop]\nport = 8050\n")


def test_a_missing_file_is_told(host):
    with pytest.raises(OpsError, match=r"`/nowhere\.toml` cannot be read"):
        specs.wanted(host, Path("/nowhere.toml"))


def test_names_choose_among_the_sites(host):
    wanted = specs.wanted(host, None)

    assert {"blog"} == specs.scope(host, ["blog"], wanted)
    with pytest.raises(NotFound, match="no site `shop`"):
        specs.scope(host, ["shop"], wanted)


def test_new_sites_without_ports_get_blocks_of_their_own(over):
    wanted = over("[sites.a]\n[sites.b]\nworkers = 150\n[sites.c]\nport = 8101\n[sites.d]\n")

    found = {name: (site.port, site.reserve) for name, site in wanted.house.sites.items()}
    assert {
        "blog": (8001, 100),
        "c": (8101, 100),
        "a": (8201, 100),
        "b": (8301, 200),
        "d": (8501, 100),
    } == found


def test_the_source_of_a_file_is_named_by_its_full_path(over, tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/shop.py").write_text(WSGI)

    wanted = over('[sites.shop]\nsource = "shop"\nwsgi = "shop:app"\n')

    assert str(tmp_path / "shop") == wanted.house.sites["shop"].source


def test_a_variable_that_says_which_program_runs_is_refused(over):
    with pytest.raises(OpsError, match="`NODE_OPTIONS` decides which program runs"):
        over('[sites.blog.env]\nNODE_OPTIONS = "--require=/x"\n')


def test_one_that_a_site_had_before_is_no_fault_of_the_file(tmp_path):
    site = toml.site("blog", {"port": 8001, "env": {"NODE_OPTIONS": "-r /x"}})
    specs.refuse_steering(site, site)
