"""
The domain names of a site: what is served, and which certificates are wanted.
"""

from __future__ import annotations

import pytest

from cinestream_ops.state import paths
from cinestream_ops.state.items import (
    Certificate,
    File,
    Item,
)
from tests.desired.world import (
    DEPLOYED,
    MONGODB,
    WITH_DOMAIN,
    of,
    wanted,
)


def conf(site: tuple[Item, ...], domain: str = "a.example") -> str:
    return of(File, site)[f"/etc/nginx/cinestream/blog/{domain}.conf"].content.decode()


def test_a_domain_without_a_certificate_is_served_without_tls():
    _, site = wanted(WITH_DOMAIN)

    assert "listen 443" not in conf(site)
    assert "server_name a.example www.a.example;" in conf(site)


@pytest.mark.parametrize("more", [[], ["old.example"]])
def test_a_domain_with_a_certificate_for_its_names_is_served_over_tls(more):
    names = ["a.example", "www.a.example", *more]
    _, site = wanted(WITH_DOMAIN, certificates={"a.example": {"names": names}})

    [certificate] = of(Certificate, site).values()
    assert certificate.conf.decode() == conf(site)
    assert "return 301 https://$host$request_uri;" in conf(site)


def test_names_that_a_certificate_lacks_take_no_others_off_tls():
    _, site = wanted(WITH_DOMAIN, certificates={"a.example": {"names": ["a.example"]}})

    tls, plain = conf(site).split("# www.a.example, which has no certificate yet.")
    assert "listen 443 ssl" in tls
    assert "server_name www.a.example;" in plain


def test_a_certificate_of_another_domain_does_not_count():
    _, site = wanted(WITH_DOMAIN, certificates={"b.example": {"names": ["a.example"]}})

    assert "listen 443" not in conf(site)


def test_a_certificate_is_wanted_for_each_domain():
    server = {**MONGODB, "email": "owner@example.com"}
    _, site = wanted(
        {**DEPLOYED, "domains": ["a.example", {"name": "b.example", "www": True}]}, server
    )

    certificates = of(Certificate, site)
    assert ("b.example", "www.b.example") == certificates["b.example"].names
    assert "/etc/nginx/cinestream/blog/a.example.conf" == certificates["a.example"].conf_path
    assert "owner@example.com" == certificates["a.example"].email
    assert paths.WEBROOT == certificates["a.example"].webroot


PRODUCTION = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"


@pytest.mark.parametrize(
    ("domain", "server", "directory", "staging"),
    [
        ({}, {}, PRODUCTION, STAGING),
        ({"staging": True}, {}, STAGING, ""),
        ({"acme_directory": "https://ca.example/d"}, {}, "https://ca.example/d", ""),
        ({}, {"acme_directory": "https://ca.example/d"}, "https://ca.example/d", ""),
        ({"staging": True}, {"acme_directory": "https://ca.example/d"}, "https://ca.example/d", ""),
    ],
)
def test_a_rehearsal_is_held_where_the_authority_has_a_place_for_it(
    domain, server, directory, staging
):
    _, site = wanted({**DEPLOYED, "domains": [{"name": "a.example", **domain}]}, server)

    [certificate] = of(Certificate, site).values()
    assert (directory, staging) == (certificate.directory, certificate.staging)
