"""
What is known of a certificate, why there is none, and when it is tried again.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cinestream_ops.agent import acme, certificates, domains, mongodb, pursuit, pursuits, tls
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Certificate, MongoIndexes

NOW = 1_800_000_000.0
LETS_ENCRYPT = ["letsencrypt.org"]


@pytest.fixture
def item(tmp_path) -> Certificate:
    conf = tmp_path / "blog.conf"
    conf.write_text("http")
    return Certificate(
        "blog.example", ("blog.example", "www.blog.example"), str(conf), b"tls", str(tmp_path),
        "https://ca.example/dir",
    )  # fmt: skip


def put_off(item, why="no", times=1, was=None, **details):
    record = was or {"lineage": item.lineage, "names": []}
    for _ in range(times):
        error = pursuit.NotYet(certificates.PENDING_DNS, why, **details)
        record = pursuit.put_off(record, item, error, NOW)
    return record


@pytest.mark.parametrize(
    ("rows", "issuers", "allowed"),
    [
        ([], LETS_ENCRYPT, True),
        (['0 issue "letsencrypt.org"'], LETS_ENCRYPT, True),
        (['0 issue "letsencrypt.org; validationmethods=http-01"'], LETS_ENCRYPT, True),
        (['0 issue "digicert.com"', '0 issue "letsencrypt.org"'], LETS_ENCRYPT, True),
        (['0 issue "digicert.com"'], LETS_ENCRYPT, False),
        (['0 issue ";"'], LETS_ENCRYPT, False),
        (['0 issue ";"'], [], False),
        (['0 issue "digicert.com"'], [], True),
        (['0 issuewild ";"', '0 iodef "mailto:a@b.example"'], LETS_ENCRYPT, True),
        (['128 unheardof "x"'], LETS_ENCRYPT, False),
    ],
)
def test_caa_is_read_as_the_authority_reads_it(rows, issuers, allowed):
    assert allowed == domains.permitted(rows, issuers)


def test_lets_encrypt_is_known_without_being_asked():
    directory = "https://acme-v02.api.letsencrypt.org/directory"

    assert domains.identities(directory, {}) == LETS_ENCRYPT


def test_a_token_is_there_for_its_block_and_gone_after(tmp_path):
    with domains.token(str(tmp_path)) as (path, text):
        there = Path(f"{tmp_path}{path}").read_text()

    assert text == there
    assert not Path(f"{tmp_path}{path}").exists()


def test_the_next_try_comes_later_each_time_and_within_six_hours(item):
    waits = [put_off(item, times=times)["next_try"] - NOW for times in range(1, 12)]

    assert waits[:4] == [300, 600, 1200, 2400]
    assert waits == sorted(waits)
    assert waits[-1] == 6 * 3600


def test_a_limit_is_waited_for_even_if_it_is_long(item):
    assert put_off(item, until=NOW + 99_999)["next_try"] == NOW + 99_999


def test_what_is_served_stays_when_more_cannot_be_had(item):
    was = {"lineage": item.lineage, "names": ["blog.example"], "not_after": NOW}

    record = put_off(item, was=was)

    assert record["names"] == ["blog.example"]
    assert not item.met_by(certificates.fact(record))


def test_the_order_can_be_gone_on_with_from_the_record_alone(item):
    record = json.loads(json.dumps(put_off(item)))

    assert item == certificates.ordered(record["order"])


def test_a_pending_certificate_is_due_when_its_time_has_come(tmp_path, item):
    certificates.write(tmp_path, put_off(item))

    assert pursuits.due(tmp_path, NOW + 299) == []
    assert [item.lineage] == [each["lineage"] for each in pursuits.due(tmp_path, NOW + 300)]


def test_a_record_whose_domain_was_removed_is_forgotten(tmp_path, item):
    certificates.write(tmp_path, put_off(item))

    Path(item.conf_path).unlink()

    assert certificates.records(str(tmp_path)) == {}
    assert pursuits.due(tmp_path, NOW + 300) == []


def test_records_tell_the_reason_and_keep_the_order_to_themselves(tmp_path, item):
    certificates.write(tmp_path, put_off(item, "no A record"))

    told = certificates.records(str(tmp_path))[item.lineage]

    assert (told["state"], told["reason"]) == ("pending-dns", "no A record")
    assert "order" not in told
    assert (tmp_path / "certificates/blog.example.json").stat().st_mode & 0o777 == 0o600


def test_a_certificate_whose_files_are_gone_serves_nothing(tmp_path, item):
    found = {"names": list(item.names), "not_after": NOW * 2, "fingerprint": "", "issuer": ""}
    certificates.write(tmp_path, pursuit.done(item, found))

    told = certificates.records(str(tmp_path))[item.lineage]

    assert (told["state"], told["names"]) == ("http-only", [])


def test_the_authority_is_quoted_and_the_noise_left_out():
    output = """Saving debug log to /var/log/letsencrypt/letsencrypt.log
Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority \
reported these problems:
  Domain: blog.example
  Type:   unauthorized
  Detail: 192.0.2.1: Invalid response from http://blog.example/x: 404

Hint: The Certificate Authority failed to download the temporary challenge files.
Some challenges have failed.
Ask for help or search for solutions at https://community.letsencrypt.org.
"""

    told = acme.condensed(output)

    assert told == "`blog.example`: 192.0.2.1: Invalid response from http://blog.example/x: 404"


def test_an_error_without_details_is_told_by_its_last_lines():
    output = (
        "Account registered.\nAn unexpected error occurred:\nThe server is busy\nAsk for help\n"
    )

    assert acme.condensed(output) == "An unexpected error occurred: The server is busy"


def test_an_authority_that_was_silent_is_told_without_a_trace():
    output = (
        "Account registered.\n  File models.py, line 1\nrequests.exceptions.ReadTimeout: "
        "HTTPSConnectionPool(host='ca.example', port=443): Read timed out. (read timeout=45)\n"
    )

    assert acme.condensed(output) == "the authority did not answer `certbot` in time"


def test_a_certificate_is_described_by_what_openssl_says():
    text = """notAfter=Nov 22 18:00:00 2027 GMT
issuer=CN=R11,O=Let's Encrypt,C=US
X509v3 Subject Alternative Name:
    DNS:www.blog.example, DNS:blog.example
"""

    found = tls.parsed(text)

    assert found["names"] == ["blog.example", "www.blog.example"]
    assert found["issuer"] == "CN=R11,O=Let's Encrypt,C=US"
    assert found["not_after"] == 1826906400


def test_a_file_without_a_certificate_is_not_one(tmp_path):
    (tmp_path / "fullchain.pem").write_text("nothing")

    with pytest.raises(OSError, match="holds no certificate"):
        tls.leaf(tmp_path / "fullchain.pem")


def test_what_mongodb_was_told_counts_only_for_its_own_data(tmp_path):
    item = MongoIndexes("blog", ())
    made = {item.key: {"mark": item.mark, "seal": ""}}
    mongodb.remember(str(tmp_path), made)
    here = mongodb.look([item], str(tmp_path))
    record = json.loads((tmp_path / "mongodb.json").read_text())

    (tmp_path / "mongodb.json").write_text(json.dumps({**record, "origin": "elsewhere"}))

    assert {item.key: item.mark} == here
    assert {item.key: None} == mongodb.look([item], str(tmp_path))


def test_without_our_tools_a_refusal_says_so():
    if Path("/usr/lib/cinestream/venv").exists():
        pytest.skip("this machine is a host")

    with pytest.raises(Refused, match="our own tools are missing"):
        mongodb.ask(do="is-there")
