"""
The server itself: packages, MongoDB, the firewall, the specs and our own programs.
"""

from __future__ import annotations

import pytest

from cinestream_ops import __version__
from cinestream_ops.desired.server import libcurl
from cinestream_ops.spec import toml
from cinestream_ops.spec.house import House
from cinestream_ops.state import items, paths
from cinestream_ops.state.facts import Machine
from cinestream_ops.state.items import (
    Archive,
    EnvFile,
    File,
    MongoAdmin,
    MongoUser,
    Package,
    Release,
    Symlink,
    Unit,
    Venv,
)
from tests.desired.world import (
    ARCHIVE,
    MONGODB,
    WITH_DOMAIN,
    of,
    wanted,
)


def test_mongodb_is_run_from_its_archive():
    own, _ = wanted()

    assert Archive("/opt/mongodb/versions/3333333333333333", ARCHIVE) in own
    assert Symlink("/opt/mongodb/current", "versions/3333333333333333") in own
    assert MongoAdmin(paths.MONGODB_ENV) in own
    assert (("MONGODB_ADMIN_URI", "mongodb-uri admin cinestream"),) == of(EnvFile, own)[
        paths.MONGODB_ENV
    ].generated


def test_somebody_elses_mongodb_is_only_asked():
    own, site = wanted(server={"mongodb": {"mode": "external"}})

    assert ("MONGODB_ELSEWHERE_URI",) == of(EnvFile, own)[paths.MONGODB_ENV].secrets
    assert not of(MongoAdmin, own)
    assert "mongodb.service" not in of(Unit, own)
    assert of(MongoUser, site)


@pytest.mark.parametrize(
    ("memory", "cache", "told"),
    [
        (0, None, "0.25"),
        (2**30, None, "0.25"),
        (8 * 2**30 - 200 * 2**20, None, "1.75"),
        (64 * 2**30, None, "4.00"),
        (64 * 2**30, 512, "0.50"),
    ],
)
def test_the_cache_is_a_quarter_of_the_memory_within_bounds(memory, cache, told):
    server = {"mongodb": {**MONGODB["mongodb"], **({"cache": cache} if cache else {})}}
    own, _ = wanted(server=server, machine=Machine(memory=memory))

    assert f"cacheSizeGB: {told}\n".encode() in of(File, own)["/opt/mongodb/mongod.conf"].content


def test_specs_are_for_root_alone_and_read_back_the_same():
    own, site = wanted(WITH_DOMAIN)
    server, blog = (of(File, own)["/etc/cinestream/server.toml"],
                    of(File, site)["/etc/cinestream/sites/blog.toml"])  # fmt: skip

    read = toml.load(
        {"server.toml": server.content.decode(), "sites/blog.toml": blog.content.decode()}
    )

    assert 0o600 == server.mode == blog.mode
    told = {**MONGODB, "cinestream": __version__}
    assert House(toml.server(told), {"blog": toml.site("blog", WITH_DOMAIN)}) == read


def test_the_firewall_is_loaded_anew_when_a_site_comes_or_goes():
    own, site = wanted()

    firewall = of(Unit, own)["cinestream-firewall.service"]
    assert "file:/etc/cinestream/nft/" in firewall.reload_on
    assert b"{ 8001-8100 }" in of(File, site)["/etc/cinestream/nft/blog.nft"].content


def test_our_programs_come_from_what_is_shipped():
    own, _ = wanted()

    assert b"agent" == of(File, own)[paths.AGENT].content
    assert items.digest(b"tools") == of(Venv, own)[paths.TOOLS].blob


def test_the_runner_is_named_by_its_digest_and_linked():
    own, _ = wanted()

    [(path, runner)] = of(Release, own).items()
    assert items.digest(b"runner") == runner.blob
    assert f"/usr/lib/cinestream/runners/{runner.blob[:16]}" == path
    assert Symlink("/usr/lib/cinestream/runner", f"runners/{runner.blob[:16]}") in own


def test_upgrades_and_libraries_come_only_where_they_are_wanted():
    own, _ = wanted(server={"unattended_upgrades": False})

    assert not {"unattended-upgrades", "libcurl4"} & set(of(Package, own))
    assert "/etc/apt/apt.conf.d/52cinestream" not in of(File, own)


@pytest.mark.parametrize(
    ("system", "version", "package"),
    [("debian", "12", "libcurl4"), ("debian", "13", "libcurl4t64"),
     ("ubuntu", "22.04", "libcurl4"), ("ubuntu", "24.04", "libcurl4t64")],
)  # fmt: skip
def test_the_library_of_mongod_has_the_name_it_has_there(system, version, package):
    assert package == libcurl(Machine(os=system, version=version))


def test_a_bare_server_is_planned_for_with_the_nginx_it_will_get():
    bare = wanted(WITH_DOMAIN, machine=Machine(os="debian", version="13"))

    assert bare == wanted(WITH_DOMAIN, machine=Machine(os="debian", version="13", nginx="1.26.3"))
