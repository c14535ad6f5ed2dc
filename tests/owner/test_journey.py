"""
Four commands, from a bare server to a site with 24 workers, TLS and a database; on each suite.
"""

from __future__ import annotations

import json
import signal
import ssl
import time

import pytest

from tests.owner.claude import claude
from tests.owner.conftest import SITES, Standing
from tests.owner.owner import Host
from tests.owner.visitors import Visitors

MOVIES = range(8001, 8025)


def test_setting_up_twice_finds_nothing_to_do(bare: Standing):
    plan = bare.owner.types("setup --plan --json").data

    assert [] == plan["phases"]


def test_a_stranger_is_told_of_no_tenant(movies: Standing):
    assert (0, "000") == (0, movies.host.tries(
        "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1/"
    ).stdout)  # fmt: skip


def test_the_tenant_runs_on_24_ports_of_its_own(movies: Standing):
    assert list(MOVIES) == sorted(movies.host.workers("movie_app"))


def test_the_tenant_answers_through_nginx(movies: Standing):
    status, page = movies.host.get("movie-app.localhost")

    assert 200 == status
    assert "Київ" in movies.host.get("movie-app.localhost", "/?lang=ua", "--location")[1]
    assert "<title>" in page


def test_a_city_is_added_by_one_command_and_removed_by_another(movies: Standing):
    said = movies.owner.types(
        "run movie_app -- add_city.py vyshneve --en Vyshneve --ua Вишневе --ru Вишнёвое"
        " --at 50.389,30.37 --people 41000"
    )

    page = movies.host.get("movie-app.localhost", "/vyshneve?lang=ua", "--location")
    movies.owner.types("run movie_app -- add_city.py --remove vyshneve")

    assert said.out.startswith("`vyshneve` is a city of the site now")
    assert (200, True) == (page[0], "Вишневе" in page[1])
    assert 0 == movies.owner.tries("plan --exit-code").code


def test_a_visitor_has_a_city_looked_at_and_the_morning_another(movies: Standing):
    owner, host = movies.owner, movies.host
    with claude(host, "movie_app") as address:
        owner.types("env set movie_app --secret ANTHROPIC_API_KEY - --yes", told="sk-ant-lab")
        owner.types(f"env set movie_app ANTHROPIC_BASE_URL={address} --yes")
        first = asked_to_look(host, "poltava")
        found = waited_for(host, "poltava")
        page = host.get("movie-app.localhost", "/poltava", "--header", "Cache-Control: no-cache")
        host.get("movie-app.localhost", "/lviv")
        host.sh(
            "systemctl start movie_app-refresh.service"
            " || { journalctl --namespace=+movie_app -u movie_app-refresh -o cat -n 30 >&2; exit 1; }"
        )
        morning = host.runs(
            "journalctl", "--namespace=+movie_app", "-u", "movie_app-refresh", "-o", "cat", "-n", "20"
        )  # fmt: skip
    owner.types("env unset movie_app ANTHROPIC_API_KEY ANTHROPIC_BASE_URL --yes")

    assert (202, True) == (first[0], json.loads(first[1])["started"])
    assert "fresh" == found
    assert "(sample)" in page[1]
    assert "gathered for lviv: fresh" in morning
    assert "gathered for poltava" not in morning
    assert 503 == asked_to_look(host, "poltava")[0]
    assert 0 == owner.tries("plan --exit-code").code


def asked_to_look(host: Host, city: str) -> tuple[int, str]:
    browser = ("--header", "Sec-Fetch-Site: same-origin", "--header", "Accept: application/json")
    return host.get("movie-app.localhost", "/api/scrape", *browser, "--data", f"city={city}")


def waited_for(host: Host, city: str) -> str:
    """How *city* stands when nobody looks at it any more."""
    for _ in range(60):
        told = json.loads(host.get("movie-app.localhost", f"/api/status?city={city}")[1])
        if told["status"] != "processing":
            break
        time.sleep(0.5)
    return str(told["status"])


def test_nobody_but_the_site_reads_its_environment(movies: Standing):
    assert "600 movie_app" == movies.host.runs("stat", "-c", "%a %U", "/var/www/movie_app/.env")


def test_adding_it_again_finds_nothing_to_do(movies: Standing):
    assert 0 == movies.owner.tries("plan --exit-code").code


def test_what_is_shown_names_no_secret(movies: Standing):
    secrets = movies.host.sh("sed -n '/^# Secrets/,$p' /var/www/movie_app/.env | cut -d= -f2-")
    values = [line.strip("'\"") for line in secrets.splitlines() if "=" not in line and line]

    told = "".join(
        movies.owner.types(line).out
        for line in ("show movie_app --json", "env list movie_app --json", "history --json")
    )
    kept = movies.host.sh("cat /var/lib/cinestream/owned.json /var/lib/cinestream/history.jsonl")

    assert values
    assert not [value for value in values if value in told + kept]


def test_growing_and_shrinking_leaves_the_others_alone(movies: Standing):
    before = movies.host.workers("movie_app")

    movies.owner.types("edit-site movie_app --workers 4 --yes")
    fewer = movies.host.workers("movie_app")
    movies.owner.types("edit-site movie_app --workers 24 --yes")
    after = movies.host.workers("movie_app")

    assert {port: before[port] for port in range(8001, 8005)} == fewer
    assert fewer == {port: after[port] for port in fewer}
    assert list(MOVIES) == sorted(after)


def test_no_unit_is_left_above_the_number_of_workers(movies: Standing):
    movies.owner.types("edit-site movie_app --workers 4 --yes")

    units = movies.host.sh(
        "systemctl list-units --all --plain --no-legend 'movie_app@*'; "
        "ls /etc/systemd/system/movie_app.target.wants; ss -ltn"
    )

    movies.owner.types("edit-site movie_app --workers 24 --yes")
    assert not [port for port in range(8005, 8025) if str(port) in units]


def test_no_request_is_lost_while_workers_come_restart_and_go(movies: Standing):
    with Visitors(movies.host, "movie-app.localhost") as visitors:
        for line in (
            "edit-site movie_app --workers 6 --yes",
            "restart movie_app --yes",
            "edit-site movie_app --workers 24 --yes",
        ):
            movies.owner.types(line)

    assert {200} == visitors.statuses.keys()
    assert visitors.statuses[200] > 100


@pytest.fixture(scope="session")
def guests(movies: Standing) -> Standing:
    """Two sites of other frameworks beside the tenant."""
    movies.owner.types(
        f"add-site blog --source {SITES / 'flask_site'} --wsgi app:app --workers 2 --yes"
        f" --env-file {env_file(movies)}"
    )
    movies.owner.types(
        f"add-site shop --source {SITES / 'bottle_site'} --wsgi shop:application --workers 2 --yes"
    )
    return movies


def env_file(standing: Standing) -> str:
    path = standing.owner.home / "blog.env"
    path.write_text("GREETING=hello\n")
    return str(path)


def test_sites_of_other_frameworks_stand_beside_the_tenant(guests: Standing):
    assert (200, "flask hello") == guests.host.get("blog.localhost")
    assert "bottle" in guests.host.get("shop.localhost")[1]
    assert 200 == guests.host.get("movie-app.localhost")[0]


def test_blocks_of_ports_never_overlap(guests: Standing):
    sites = guests.owner.types("sites --json").data

    assert [8001, 8101, 8201] == sorted(site["port"] for site in sites)


def test_a_site_cannot_reach_its_neighbour(guests: Standing):
    as_blog = ("runuser", "-u", "blog", "--")

    assert guests.host.tries(*as_blog, "cat", "/var/www/shop/.env").returncode
    assert guests.host.tries(*as_blog, "ls", "/var/www/shop/src/").returncode
    assert guests.host.tries(*as_blog, "curl", "-sm3", "http://127.0.0.1:8001/").returncode
    assert not guests.host.tries("curl", "-sm9", "http://127.0.0.1:8001/healthz").returncode


def test_a_site_reaches_its_own_database_alone(guests: Standing):
    script = (
        "import pymongo, sys\n"
        "uri = [l.split('=', 1)[1].strip().strip('\"') for l in open('/var/www/shop/.env')"
        " if l.startswith('MONGODB_URI=')][0]\n"
        "client = pymongo.MongoClient(uri)\n"
        "client.shop.things.insert_one({}), print('own')\n"
        "try: client.movie_app.locations.find_one()\n"
        "except pymongo.errors.OperationFailure: print('not others')\n"
    )

    told = guests.host.runs("/usr/lib/cinestream/venv/bin/python", "-c", script)

    assert ["own", "not others"] == told.splitlines()


def test_a_program_of_a_site_runs_in_its_place_and_ends_as_it_ends(guests: Standing):
    said = guests.owner.tries("run blog -- greet.py 'a b' --server '$HOME'")

    assert (3, "hello: a b --server $HOME in /var/www/blog\n", "bye\n") == (
        said.code,
        said.out,
        said.err,
    )


def test_ctrl_c_stops_a_program(guests: Standing):
    process = guests.owner.start("run blog -- greet.py --stay")
    assert process.stdout
    process.stdout.readline()

    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)

    assert (130, "Interrupted; the program is stopped, and what it did stays done\n") == (
        process.returncode,
        told,
    )
    assert "" == guests.host.sh("pgrep -f '[g]reet.py --stay'; true")


@pytest.mark.parametrize("unit", ["movie_app@8001.service", "shop@8101.service"])
def test_a_worker_is_sandboxed(guests: Standing, unit: str):
    if unit.startswith("shop"):
        unit = next(iter(f"shop@{port}.service" for port in guests.host.workers("shop")))
    told = guests.host.sh(f"systemd-analyze security --no-pager {unit} | tail -1")

    score = next(float(word) for word in told.split() if word.replace(".", "").isdigit())

    assert score <= 2.0


@pytest.fixture(scope="session")
def secure(guests: Standing) -> Standing:
    guests.owner.types(
        "domain add movie_app movies.example.test --www --yes"
        f" --acme-directory {guests.host.lab.acme_directory}"
    )
    return guests


def served(standing: Standing, name: str) -> dict[str, object]:
    """The certificate that *name* is served with, if the authority vouches for it."""
    context = ssl.create_default_context(cafile=standing.host.lab.acme_root)
    import socket

    with (
        socket.create_connection((standing.host.lab.address, 443), 10) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return secured.getpeercert()


def test_a_domain_is_served_with_a_certificate_of_its_own(secure: Standing):
    names = {name for _, name in served(secure, "movies.example.test")["subjectAltName"]}

    assert {"movies.example.test", "www.movies.example.test"} == names


def test_http_leads_to_https_and_stays_there(secure: Standing):
    address = ("--resolve", f"movies.example.test:443:{secure.host.lab.address}")
    head = secure.host.runs("curl", "-sI", "-H", "Host: movies.example.test", "http://127.0.0.1/x")
    safe = secure.host.runs("curl", "-skI", *address, "https://movies.example.test/")

    assert "301" in head.splitlines()[0]
    assert "https://movies.example.test/x" in head
    assert "max-age=31536000" in safe.lower()


def test_https_to_a_name_without_a_certificate_gives_nobody_away(secure: Standing):
    with pytest.raises(ssl.SSLError):
        served(secure, "unknown.example.test")


def test_a_domain_of_another_site_is_refused(secure: Standing):
    said = secure.owner.tries("domain add blog movies.example.test --yes")

    assert 1 == said.code
    assert "`movies.example.test` leads to `movie_app` already" in said.err


def test_a_standing_domain_leaves_nothing_to_do(secure: Standing):
    assert 0 == secure.owner.tries("plan --exit-code").code


def test_a_domain_that_goes_leaves_the_others_served(secure: Standing):
    directory = secure.host.lab.acme_directory
    secure.owner.types(f"domain add blog blog.example.test --yes --acme-directory {directory}")
    served(secure, "blog.example.test")

    secure.owner.types("domain remove blog blog.example.test --yes")

    assert served(secure, "movies.example.test")
    with pytest.raises(ssl.SSLError):
        served(secure, "blog.example.test")


def test_everything_comes_back_after_a_reboot(secure: Standing):
    from cinestream_ops import lab

    lab.reboot(secure.host.lab.name)
    secure.host.sh(
        "for i in $(seq 60); do systemctl is-system-running -q && exit; sleep 1; done; "
        "systemctl --failed --no-legend; exit 1"
    )

    assert 24 == len(secure.host.workers("movie_app"))
    assert served(secure, "movies.example.test")
    assert 0 == secure.owner.tries("plan --exit-code").code


def test_doctor_finds_nothing_ill(secure: Standing):
    found = secure.owner.tries("doctor --json").data

    assert [] == [each for each in found if each["level"] == "stop"]


def test_a_removed_site_leaves_its_data_and_nothing_else(secure: Standing):
    secure.owner.types("remove-site blog --yes")

    left = secure.host.sh("ls /etc/systemd/system /etc/nginx/sites-enabled /etc/cinestream/sites")
    assert "blog" not in left
    assert 0 == secure.host.tries("test", "-f", "/var/www/blog/.env").returncode


def test_a_purged_site_leaves_nothing(secure: Standing):
    secure.owner.types("remove-site shop --purge --yes")

    assert secure.host.tries("test", "-e", "/var/www/shop").returncode
    assert secure.host.tries("id", "shop").returncode
    assert 200 == secure.host.get("movie-app.localhost", "/healthz")[0]
