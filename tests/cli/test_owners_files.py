"""
Whatever is in a file of the owner's, or of whoever wrote the source, is answered with a sentence.
"""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cinestream_ops.channel import inventory, route
from cinestream_ops.channel.target import parse
from cinestream_ops.cli import env_file
from cinestream_ops.engine.source import SourceError, defaults
from cinestream_ops.errors import BadSpec, OpsError
from cinestream_ops.spec import toml
from cinestream_ops.spec.site_file import fields

FUZZING = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
HUGE = "0x" + "f" * 5000
ODD = (
    b"\xff\xfe", b"\xef\xbb\xbf", b"[static", b"worker = 3", b'static = "x"', b"a = " + b"[" * 5000,
    f"port = {HUGE}".encode(), b"port = " + b"9" * 5000, b"port = nan", b"a = 1979-13-45",
    f"[worker]\nmemory = {HUGE}".encode(), b"[[limit]]\n[[limit]]\nx = 1", b"[server]\nx = 1",
    b"[sites.blog]\nport = -1\nenv = 3", b"Host *\nPort x", b'Include "', b"Match exec \xff\0",
    b"IdentityFile ~nobody-at-all/x\0", b"ProxyJump \x1b[2J", b"Include **/../[", b"Host \"x\nUser '",
    b"[servers.x]\nport = 99999999999\nhost = 'h'", b"[servers.x]\nhost = 3", b"servers = []",
)  # fmt: skip
words = st.sampled_from(
    ["[", "]", "=", '"', "'", "\n", " ", "{", "}", ",", ".", "1", "-", "true", "worker", "memory",
     "static", "limit", "[[", "]]", "port", "sites", "server", "servers", "host", "Host", "Match",
     "Include", "Port", "User", "IdentityFile", "ProxyJump", "ProxyCommand", "%h", "*", "~", "exec",
     "canonical", "originalhost", "KEY", "export", "$", "\\", "\0", "\x1b", "\u2028"]
)  # fmt: skip
contents = (
    st.sampled_from(ODD) | st.binary(max_size=64) | st.lists(words).map(lambda x: "".join(x).encode())
)  # fmt: skip


@FUZZING
@given(contents)
def test_a_site_file_of_any_bytes_is_read_or_refused(content):
    with_a_sentence(fields, content)


@FUZZING
@given(contents)
def test_a_file_of_specs_of_any_bytes_is_read_or_refused(content):
    with_a_sentence(toml.parse_file, content.decode(errors="replace"), "file")
    specs = {"server.toml": content.decode(errors="replace"), "sites/blog.toml": "port = 1"}
    with_a_sentence(toml.load, specs)
    with_a_sentence(toml.load, {"sites/blog.toml": content.decode(errors="replace")})


@FUZZING
@given(contents)
def test_an_env_file_of_any_bytes_is_read_or_refused(content):
    with_a_sentence(env_file.values, content.decode(errors="replace"), "file")


@FUZZING
@given(contents)
def test_an_inventory_of_any_bytes_is_read_or_refused(home, content):
    file = home / "config/cinestream/servers.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)

    with_a_sentence(inventory.load, {"XDG_CONFIG_HOME": str(home / "config")})


@FUZZING
@given(contents)
def test_an_ssh_config_of_any_bytes_is_read_or_refused(home, content):
    file = home / ".ssh/config"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content.replace(b"xec", b""))  # no program is run

    with_a_sentence(route.route, parse("web1.example"))


def with_a_sentence(read, *given):
    with suppress(OpsError):
        read(*given)


@pytest.mark.parametrize("content", ODD)
def test_no_odd_file_is_a_bug_of_ours(cinestream, home, content):
    """As the command is typed, with the same bytes in every file that it reads."""
    source = home / "source"
    for file in ("source/site.toml", "source/app.py", ".ssh/config", "env", "all.toml"):
        (home / file).parent.mkdir(exist_ok=True)
        (home / file).write_bytes(content)

    told = cinestream(
        *("add-site", "blog", "--source", str(source), "--wsgi", "app:app", "--server", "box.test"),
        *("--env-file", str(home / "env")),
    )

    assert 1 == told.code, told.err


SITE_FILE = b"""\
worker = 3
static = "x"
[[limits]]
path = "/"
[nginx]
[[cache]]
pth = "/"
"""


def test_all_faults_of_a_site_file_are_told_with_their_addresses():
    with pytest.raises(BadSpec) as refused:
        fields(SITE_FILE)

    told = {str(fault): fault.hint for fault in refused.value.faults}
    assert {
        "site.toml/worker: `3` is not a table",
        'site.toml/static: `"x"` is not a table',
        "site.toml/limits: nobody reads this key",
        "site.toml/nginx: nobody reads this key",
        "site.toml/cache/0/pth: nobody reads this key",
    } <= told.keys()
    assert told["site.toml/limits: nobody reads this key"].startswith("did you mean `limit`?")
    assert told["site.toml/cache/0/pth: nobody reads this key"].startswith("did you mean `path`?")


def test_a_site_file_that_is_no_file_is_not_opened(tmp_path):
    (tmp_path / "site.toml").symlink_to("/dev/zero")

    with pytest.raises(SourceError, match="is not a file"):
        defaults(tmp_path)
