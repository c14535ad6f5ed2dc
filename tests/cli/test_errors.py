"""
A gallery of every error, as it leaves by the one door.
"""

import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

import cinestream_ops
from cinestream_ops import errors
from cinestream_ops.channel.hostkeys import HostKey, Unvouched
from cinestream_ops.channel.login import LockedKey
from cinestream_ops.cli import fail
from cinestream_ops.engine.source import SourceError
from cinestream_ops.errors import Fault, OpsError
from cinestream_ops.lab import faults as labs

GALLERY = Path(__file__).with_name("gallery.txt")
SAMPLES = [
    errors.OpsError("something is wrong", "do this about it"),
    errors.OpsError("something is wrong, and nothing more can be said"),
    errors.BadSpec(
        [
            Fault("sites/blog/workers", "`0` is less than 1", "how many processes serve the site"),
            Fault("sites/blog/domains/1", "`exa mple.com` is not a domain name", "write it well"),
            Fault("", "a fault of the whole"),
        ]
    ),
    errors.Refused("`nginx -t` failed: unknown directive", "look at the file"),
    errors.Drifted("`/etc/nginx/nginx.conf` changed since the plan was made"),
    errors.Locked("`ann@laptop` is at work since 12:00: add-site blog"),
    errors.Unreachable("`10.0.0.1` does not answer", "is it switched on?"),
    errors.UnknownHostKey("10.0.0.1", "ssh-ed25519", "SHA256:abc"),
    Unvouched("10.0.0.1", HostKey("ssh-ed25519", b"key"), "known_hosts", hashed=False),
    LockedKey("~/.ssh/id_ed25519"),
    errors.StrangeAnswer("`facts` without its `machine`"),
    errors.ChangedHostKey("`10.0.0.1` shows another host key than the one on record"),
    errors.NotFound("there is no site `blgo`", "did you mean `blog`?"),
    SourceError("`./shop` is not a directory", "name the folder that holds the site"),
    labs.BadName("My Lab"),
    labs.UnknownSuite("sid", ["bookworm", "trixie"]),
    labs.NoSuchLab("box"),
    labs.NotRemoved("/var/lib/lab/box/mnt", "Device or resource busy"),
    labs.NotRoot(),
    labs.MissingTools(["ip", "ssh"], ["iproute2", "openssh-client"]),
    labs.NoControlGroups(),
    labs.NoMirror(),
    labs.NoIndex(),
    labs.NoFreeNetwork(),
    labs.SuiteTaken("box", "trixie"),
    labs.NotRunning("box", "off"),
    labs.CommandFailed(["mmdebstrap"], "E: no space"),
    labs.TookTooLong("the boot", 60),
    labs.DiedEarly("`pebble`", "panic"),
]


def told(error: BaseException, capfd) -> str:
    with pytest.raises(SystemExit) as ended, fail.telling():
        raise error
    said = capfd.readouterr()
    assert "" == said.out
    return f"{type(error).__name__} ({ended.value.code})\n{said.err}"


def test_every_error_reads_as_in_the_gallery(home, capfd):
    shown = "\n".join(told(error, capfd) for error in SAMPLES)

    assert GALLERY.read_text() == shown


def test_no_error_is_missing_from_the_gallery():
    for module in pkgutil.walk_packages(cinestream_ops.__path__, "cinestream_ops."):
        if not module.name.startswith(("cinestream_ops.agent.", "cinestream_ops.__main__")):
            import_module(module.name)
    ours = {kind for kind in below(OpsError) if kind.__module__.startswith("cinestream_ops.")}

    assert set() == {kind.__name__ for kind in ours - {type(each) for each in SAMPLES}}


def below(kind):
    return {kind, *(each for child in kind.__subclasses__() for each in below(child))}


USAGE = {
    ("ad-site",): "no such command `ad-site`\nhint: did you mean `add-site`, `edit-site`, `sites`?",
    ("add-site",): "missing argument `NAME`\nhint: `cinestream add-site --help` tells more",
    ("edit-site", "blog"): (
        "invalid value: name what to change, such as `--workers`\n"
        "hint: `cinestream edit-site --help` tells more"
    ),
    ("add-site", "blog", "--workers", "24.5"): (
        "invalid value for `--workers`: `24.5` is not a whole number\n"
        "hint: `cinestream add-site --help` tells more"
    ),
    ("add-site", "blog", "--balance", "random"): (
        "invalid value for `--balance`: `random` is not one of `ip-hash`, `cookie`, `least-conn`\n"
        "hint: `cinestream add-site --help` tells more"
    ),
    ("sites", "--colour"): ("no such option: --colour\nhint: `cinestream sites --help` tells more"),
    ("lab", "down"): (
        "invalid value: name a lab, or use `--all`\nhint: `cinestream lab down --help` tells more"
    ),
    ("env", "set", "blog"): (
        "invalid value: name a `KEY=VALUE`, or `--secret KEY`\n"
        "hint: `cinestream env set --help` tells more"
    ),
    ("env", "set", "blog", "KEY"): (
        "invalid value: `KEY` is not `KEY=VALUE`; for a secret, use `--secret KEY`\n"
        "hint: `cinestream env set --help` tells more"
    ),
}


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_a_usage_error_is_told_on_stderr_and_exits_with_two(cinestream, words):
    told = cinestream(*words)

    assert (2, "", f"error: {USAGE[words]}\n") == (told.code, told.out, told.err)


REFUSED = {
    ("add-site", "My Site"): (
        "`My Site` is not a site name\nhint: site names are up to 32 lower-case letters, digits, "
        "`_` and `-`, and start with a letter"
    ),
    ("add-site", "../etc"): (
        "`../etc` is not a site name\nhint: site names are up to 32 lower-case letters, digits, "
        "`_` and `-`, and start with a letter"
    ),
    ("add-site", "a\nb"): (
        "`a\\nb` is not a site name\nhint: site names are up to 32 lower-case letters, digits, "
        "`_` and `-`, and start with a letter"
    ),
    ("add-site", "nginx"): (
        "`nginx` is not free to be a site name\nhint: a system user, group, folder or unit goes "
        "by it; choose another"
    ),
    ("add-site", "shop", "--source", "/nowhere", "--wsgi", "shop:app"): (
        "`/nowhere` is not a directory\nhint: name the folder that holds the site"
    ),
    ("add-site", "shop", "--source", "/etc"): (
        "a source of your own needs `--wsgi`\nhint: write `package.module:app`, as in "
        "`shop.wsgi:application`"
    ),
    ("add-site", "shop", "--wsgi", "shop:app"): (
        "the bundled site brings its own application and requirements\n"
        "hint: `--source DIR|URL` names code of your own"
    ),
    ("add-site", "shop", "--env-file", "/nowhere"): (
        "`/nowhere` cannot be read: No such file or directory"
    ),
    ("domain", "add", "blog", "*.example.com"): (
        "`*.example.com` is a wildcard\nhint: a wildcard certificate needs a DNS challenge, which "
        "cinestream does not do; name each domain"
    ),
    ("domain", "add", "blog", "192.0.2.1"): (
        "`192.0.2.1` is an IP address, not a domain name\nhint: write the name that points to it"
    ),
    ("env", "set", "blog", "--secret", "API_KEY=abc"): (
        "the value of `API_KEY` was typed where every user can read it\nhint: write `--secret "
        "KEY` alone; the value is asked for, or read with `--from-file`"
    ),
    ("env", "set", "blog", "--secret", "API_KEY"): (
        "there is no terminal to ask at for the value of `API_KEY`\nhint: `--from-file FILE` "
        "reads it from a file, `--from-file -` from stdin"
    ),
    ("sites", "--server", "nobody"): (
        "there is no server `nobody`\nhint: none is known yet: `cinestream server add NAME "
        "USER@HOST`"
    ),
    ("server", "add", "a b", "example.com"): (
        "`a b` is not a server name\nhint: server names are letters, digits, `.`, `_` and `-`, "
        "and start with a letter or digit"
    ),
    ("server", "use", "nobody"): (
        "there is no server `nobody`\nhint: none is known yet: `cinestream server add NAME "
        "USER@HOST`"
    ),
}


@pytest.mark.parametrize("words", REFUSED, ids=lambda words: " ".join(words).replace("\n", " "))
def test_what_cannot_be_is_refused_with_one_sentence_before_any_server_is_asked(cinestream, words):
    told = cinestream(*words)

    assert (1, "", f"error: {REFUSED[words]}\n") == (told.code, told.out, told.err)


def test_an_interruption_says_that_nothing_was_committed(home, capfd):
    shown = told(KeyboardInterrupt(), capfd)

    assert "KeyboardInterrupt (130)\nInterrupted; nothing was committed\n" == shown


def test_a_bug_leaves_a_report_without_values(home, capfd):
    with pytest.raises(SystemExit) as ended, fail.telling(["env", "set", "blog", "KEY=hush"]):
        boom("hush")
    said = capfd.readouterr().err

    path = Path(re.search(r"`(.*bug-.*)`", said)[1])
    report = path.read_text()
    assert (3, 0o600) == (ended.value.code, path.stat().st_mode & 0o777)
    assert said.startswith("error: this is a bug in cinestream: ZeroDivisionError\nhint: ")
    assert "command: env set blog KEY=…\n" in report
    assert "in boom\n" in report
    assert "hush" not in report.replace('boom("hush")', "")


def boom(secret):
    return len(secret) / 0
