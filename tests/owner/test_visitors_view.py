"""
What visitors would notice is told by `status` and `doctor`, with what to do, while workers are well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.owner.conftest import Standing
from tests.owner.owner import Said
from tests.owner.test_trouble import dns

NAME = "seen.example.test"
RENEWAL = f"/etc/letsencrypt/renewal/{NAME}.conf"
LIVE = f"/etc/letsencrypt/live/{NAME}"
TABLE = "nft list table inet cinestream"
CONF = "/etc/nginx/nginx.conf"


@pytest.fixture(scope="module")
def seen(rough: Standing) -> Iterator[Standing]:
    """The shop at a name with a certificate; nothing is wrong before and after each test."""
    dns(rough, "set-default-ipv4", {"ip": rough.host.lab.address})
    directory = rough.host.lab.acme_directory
    rough.owner.types(f"domain add shop {NAME} --yes --acme-directory {directory}")
    assert 0 == rough.owner.tries("status").code
    yield rough
    rough.owner.types(f"domain remove shop {NAME} --yes")


def told(standing: Standing) -> list[Said]:
    return [standing.owner.tries(line) for line in ("status", "doctor")]


def is_told(standing: Standing, *words: str) -> None:
    """Both end with 1 and say all *words*."""
    for said in told(standing):
        assert 1 == said.code, said
        assert all(word in said.out + said.err for word in words), said


def test_nginx_that_does_not_run(seen):
    with seen.host.meanwhile("systemctl stop nginx", "systemctl start nginx"):
        is_told(seen, "nginx does not run (`inactive`)", "`cinestream apply` starts it")
        seen.owner.types("apply --yes")

        assert 0 == seen.owner.tries("status").code


def test_nginx_that_would_not_start_again(seen):
    twice = f"sed -i.was 's/^http {{/http {{ server_names_hash_bucket_size 64;/' {CONF}"
    with seen.host.meanwhile(twice, f"mv {CONF}.was {CONF}"):
        is_told(seen, "would not start again", "server_names_hash_bucket_size", "`nginx -t`")


@pytest.mark.parametrize(
    ("harm", "how"),
    [
        ("nft flush ruleset", "is gone from the kernel"),
        ("nft insert rule inet cinestream caller accept", "is not what its files make"),
        ("nft flush set inet cinestream ports", "is not what its files make"),
        ("nft flush chain inet cinestream output", "is not what its files make"),
    ],
)
def test_a_table_that_is_not_loaded_as_it_should_be(seen, harm, how):
    before = seen.host.runs("nft", "-s", "-t", "list", "table", "inet", "cinestream")

    seen.host.sh(harm)
    is_told(seen, "the nftables table `inet cinestream`", how, "`cinestream apply` loads it again")
    planned = seen.owner.tries("plan --exit-code")
    seen.owner.types("apply --yes")

    assert 4 == planned.code
    assert "load the nftables table `inet cinestream`" in planned.out
    assert before == seen.host.runs("nft", "-s", "-t", "list", "table", "inet", "cinestream")
    assert 0 == seen.owner.tries("status").code


@pytest.mark.parametrize("how", ["restart", "reload", "stop"])
def test_the_table_comes_back_when_the_distributions_are_loaded_anew(seen, how):
    with seen.host.meanwhile(
        f"systemctl start nftables && systemctl {how} nftables", "systemctl stop nftables"
    ):
        assert seen.host.sh(TABLE)
        assert 0 == seen.owner.tries("status").code
        assert 0 == seen.owner.tries("plan --exit-code").code


def test_a_renewal_that_was_changed_by_hand(seen):
    for harm, word in [
        ("s/^authenticator = .*/authenticator = standalone/", "`authenticator = standalone`"),
        ("s#/var/lib/cinestream-acme#/var/www/html#", "`/var/www/html`"),
        ("s/^account = .*/account = 0123abcd/", "`0123abcd`"),
    ]:
        with seen.host.meanwhile(f"sed -i.was '{harm}' {RENEWAL}", f"mv {RENEWAL}.was {RENEWAL}"):
            is_told(seen, f"the certificate of `{NAME}` of `shop` cannot be renewed", word)


def test_another_certificate_than_the_one_there_is(seen):
    other = (
        f"cp -L {LIVE}/fullchain.pem /root/was && openssl req -x509 -newkey rsa:2048 -nodes"
        f" -keyout /root/other.key -out /root/other.pem -subj /CN=x -days 1 2>/dev/null"
        f" && cat /root/other.pem > $(readlink -f {LIVE}/fullchain.pem)"
    )
    back = f"cat /root/was > $(readlink -f {LIVE}/fullchain.pem)"
    with seen.host.meanwhile(other, back):
        is_told(seen, f"`{NAME}` of `shop` is served with another certificate than its own")


def test_a_name_that_nginx_answers_with_an_error_though_the_workers_are_well(seen):
    conf = f"$(grep -rl 'server_name {NAME}' /etc/nginx/cinestream | head -1)"
    break_it = (
        f"sed -i.was 's#location / {{#location / {{ return 500;#' {conf} && systemctl reload nginx"
    )
    undo = "for f in $(find /etc/nginx -name '*.was'); do mv $f ${f%.was}; done; systemctl reload nginx"
    with seen.host.meanwhile(break_it, undo):
        is_told(seen, f"`{NAME}` of `shop` answers `/` with 500")


def test_a_firewall_before_the_server(seen):
    closed = (
        "nft add table inet theirs; nft add chain inet theirs in"
        " '{ type filter hook input priority 0; }';"
        " nft add rule inet theirs in iif != lo ip saddr != "
        f"{seen.host.lab.address} tcp dport 80 drop"
    )
    with seen.host.meanwhile(closed, "nft delete table inet theirs"):
        doctor = seen.owner.tries("doctor")
        check = seen.owner.tries(f"domain check {NAME}")
        assert 0 == seen.owner.tries("status").code

    assert 0 == doctor.code
    assert f"`{NAME}` is not reachable from here on port 80" in doctor.out
    assert 1 == check.code
    assert "is reached from the server itself, and not from here" in check.err
    assert 0 == seen.owner.tries(f"domain check {NAME}").code


def test_of_a_stopped_site_no_answer_is_missed(seen):
    seen.owner.types("stop shop --yes")
    said = seen.owner.tries("status")
    seen.owner.types("start shop --yes")

    assert 0 == said.code
    assert "answers" not in said.err


ANSWER = 'def app(environ, start):\n    start("{status}", [("Content-Length", "2"){header}])\n    return [b"no"]\n'
TO_ITSELF = ', ("Location", "https://" + environ["HTTP_HOST"] + environ["PATH_INFO"])'
GREETED = """def app(environ, start):
    greeted = "seen=Yes" in environ.get("HTTP_COOKIE", "")
    more = [] if greeted else [("Location", "/"), ("Set-Cookie", "seen=Yes; Path=/")]
    start("200 OK" if greeted else "302 Found", [("Content-Length", "0"), *more])
    return []
"""
FAILS_NEXT = """def app(environ, start):
    code = "302 Found" if environ["PATH_INFO"] == "/" else "503 No"
    start(code, [("Content-Length", "0"), ("Location", "/Next")])
    return []
"""
LASTING = "import threading, time\nthreading.Thread(target=time.sleep, args=(3600,)).start()\n"


@pytest.fixture
def added(rough: Standing, tmp_path: Path) -> Iterator[Callable[..., Said]]:
    """Adds the site `tried`, which is a program of a few lines; it is gone afterwards."""

    def add(program: str, options: str = "") -> Said:
        (tmp_path / "app.py").write_text(program)
        way = f"--source {tmp_path} --wsgi app:app --workers 1 --no-database"
        return rough.owner.tries(f"add-site tried {way} {options} --yes")

    yield add
    rough.owner.tries("remove-site tried --purge --yes")


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (ANSWER.format(status="500 No", header=""), "answers `/` with 500"),
        (ANSWER.format(status="302 Found", header=TO_ITSELF), "redirects `/` for ever"),
        (FAILS_NEXT, "answers `/Next` with 503"),
    ],
)
def test_a_new_site_whose_visitors_would_see_no_page_is_refused_or_accepted(
    rough, added, program, why
):
    refused = added(program)
    left = rough.owner.types("sites --json").data
    accepted = added(program, "--accept-errors")

    assert 1 == refused.code
    assert why in refused.err
    assert "--accept-errors" in refused.err
    assert "tried" not in {site["name"] for site in left}
    assert 0 == accepted.code, accepted.err


@pytest.mark.parametrize(
    "program", [ANSWER.format(status="404 No", header=""), GREETED], ids=["not found", "by cookie"]
)
def test_a_new_site_that_answers_as_it_means_to_is_added(added, program):
    said = added(program)

    assert 0 == said.code, said.err


def test_a_trial_ends_though_a_thread_of_the_application_does_not(rough, added):
    said = added(LASTING + ANSWER.format(status="200 OK", header=""))
    stopped = rough.host.sh("journalctl -u cinestream-trial-tried -o cat --no-pager")

    assert 0 == said.code, said.err
    assert "Killing process" in stopped


def test_the_owners_own_ssh_carries_each_kind_of_command(seen):
    seen.host.sh("nft flush ruleset")

    status = seen.owner.tries("status --ssh openssh --json")
    planned = seen.owner.tries("plan --ssh=openssh --exit-code")
    # It is kept by the word over a second connection.
    applied = replace(seen.owner, extra={**seen.owner.extra, "CINESTREAM_SSH": "openssh"})
    applied.types("apply --yes")

    assert (1, 4) == (status.code, planned.code)
    assert ["shop"] == [site["name"] for site in status.data]
    assert 0 == seen.owner.tries("plan --exit-code").code
