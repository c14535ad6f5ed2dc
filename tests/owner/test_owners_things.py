"""
What an owner had on the server before: it is told, all at once, and nothing of it is touched.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.owner.conftest import SITES, Standing
from tests.owner.test_trouble import dns, state

SOURCE = f"--source {SITES / 'bottle_site'} --wsgi shop:application --workers 1"
AVAILABLE = "/etc/nginx/sites-available/default"
ENABLED = "/etc/nginx/sites-enabled/default"
LIVE = "server { listen 80; server_name live.example.test; root /srv/live; }"
THEIRS = "two.example.test"
RENEWAL = f"/etc/letsencrypt/renewal/{THEIRS}.conf"


def refused(standing: Standing, line: str) -> str:
    """What is in the way of *line*, after which all is as it was."""
    before = state(standing)
    said = standing.owner.tries(f"{line} --yes")
    assert 1 == said.code, said.out
    assert before == state(standing)
    assert "Done" not in said.err
    return said.err


@pytest.mark.parametrize(
    ("make", "unmake", "told"),
    [
        (
            f"echo '{LIVE}' >{ENABLED}",
            f"rm {ENABLED}",
            f"`{ENABLED}` is not the distribution's any more",
        ),
        (
            f"cp {AVAILABLE} /root/was; echo '# mine' >>{AVAILABLE}; ln -s {AVAILABLE} {ENABLED}",
            f"rm {ENABLED}; mv /root/was {AVAILABLE}",
            f"`{AVAILABLE}` is not the distribution's any more",
        ),
        (
            f"cp {AVAILABLE} /root/mine; ln -s /root/mine {ENABLED}",
            f"rm {ENABLED} /root/mine",
            f"`{ENABLED}` is not the distribution's any more",
        ),
    ],
)
def test_a_default_site_that_somebody_made_their_own_stays(
    rough: Standing, make: str, unmake: str, told: str
):
    with rough.host.meanwhile(make, unmake):
        assert told in refused(rough, "setup")
        assert rough.host.sh(f"ls {ENABLED}")


def test_the_distributions_default_site_goes(rough: Standing):
    with rough.host.meanwhile(f"ln -s {AVAILABLE} {ENABLED}", f"rm -f {ENABLED}"):
        rough.owner.types("setup --yes")

        assert "gone" == rough.host.sh(f"ls {ENABLED} 2>/dev/null || echo gone")


def test_all_that_is_in_the_way_of_a_site_is_told_at_once(rough: Standing):
    conf = "/etc/nginx/sites-enabled/forum.conf"
    make = (
        f"echo '{LIVE}' >{conf}; mkdir -p /var/www/forum/data; echo theirs >/var/www/forum/index.html;"
        " echo DB_PASSWORD=own >/var/www/forum/.env; useradd --home /home/forum forum"
    )
    look = f"cat {conf} /var/www/forum/.env /var/www/forum/index.html; stat -c %U%a /var/www/forum"
    with rough.host.meanwhile(make, f"userdel forum; rm -r {conf} /var/www/forum"):
        before = rough.host.sh(look)
        told = refused(rough, f"add-site forum {SOURCE}")

        assert "3 things are in the way, and none of them is ours" in told
        assert f"`{conf}` is a file, and was not made by cinestream" in told
        assert "`/var/www/forum` is there already, and was not made by cinestream" in told
        assert "the account `forum` is there already, with its home at `/home/forum`" in told
        assert before == rough.host.sh(look)


def test_a_folder_of_sites_that_is_a_link_is_found_before_anything_is_done(rough: Standing):
    owned = "/var/lib/cinestream/owned.json"
    forget = f"sed -i '/directory:.var.www\": /s/www/was/' {owned}"
    make = f"cp {owned} /root/owned; {forget}; mv /var/www /srv/volume; ln -s /srv/volume /var/www"
    undo = f"rm /var/www; mv /srv/volume /var/www; mv /root/owned {owned}"
    with rough.host.meanwhile(make, undo):
        told = refused(rough, "setup")

    assert "`/var/www` is a link, and was not made by cinestream" in told


def test_what_a_removed_site_has_left_is_taken_up_again(rough: Standing):
    rough.owner.types(f"add-site forum {SOURCE} --yes")
    rough.host.sh("echo kept >/var/www/forum/data/kept")
    rough.owner.types("remove-site forum --yes")

    rough.owner.types(f"add-site forum {SOURCE} --yes")

    assert "kept" == rough.host.sh("cat /var/www/forum/data/kept")
    rough.owner.types("remove-site forum --purge --yes")


@pytest.fixture(scope="module")
def certified(rough: Standing) -> Iterator[Standing]:
    """The owner's own certificate for two names, which certbot renews in its own way."""
    dns(rough, "set-default-ipv4", {"ip": rough.host.lab.address})
    rough.host.sh(
        "systemctl stop nginx; certbot certonly --non-interactive --agree-tos --standalone"
        f" --register-unsafely-without-email --server {rough.host.lab.acme_directory}"
        f" -d {THEIRS} -d mail.{THEIRS}; systemctl start nginx"
    )
    yield rough
    rough.host.sh(f"certbot delete --non-interactive --cert-name {THEIRS}")


def test_a_certificate_of_the_owners_is_told_and_never_asked_for_anew(certified: Standing):
    look = f"cat {RENEWAL}; readlink -f /etc/letsencrypt/live/{THEIRS}/fullchain.pem"
    before = certified.host.sh(look)

    told = refused(certified, f"domain add shop {THEIRS}")

    assert f"certbot has a certificate `{THEIRS}` already, which it renews by `standalone`" in told
    assert before == certified.host.sh(look)


def test_a_certificate_that_its_owner_renews_otherwise_is_not_deleted(rough: Standing):
    name = "mine.example.test"
    conf, live = (f"/etc/letsencrypt/{each}/{name}" for each in ("renewal", "live"))
    dns(rough, "set-default-ipv4", {"ip": rough.host.lab.address})
    directory = f"--acme-directory {rough.host.lab.acme_directory}"
    rough.owner.types(f"domain add shop {name} {directory} --yes")
    rough.host.sh(f"sed -i 's/^authenticator = .*/authenticator = standalone/' {conf}.conf")

    rough.owner.types(f"domain remove shop {name} --yes")

    assert "fullchain.pem" in rough.host.sh(f"ls {live}")
    rough.host.sh(f"certbot delete --non-interactive --cert-name {name}")


def test_a_name_that_another_site_of_nginx_has_is_told_with_its_file(rough: Standing):
    conf = "/etc/nginx/conf.d/live.conf"
    with rough.host.meanwhile(f"echo '{LIVE}' >{conf}", f"rm {conf}"):
        told = refused(rough, "domain add shop live.example.test")

    assert f"`live.example.test` is a name of another site of nginx's already, in `{conf}`" in told
