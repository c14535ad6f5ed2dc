"""
A server whose clock is an hour off, for every program on it from the first one of the boot, and that
is then put right at a stroke, as NTP does it: nothing is lost, and its owner is told.

`clock.c` is the clock; the kernel's own is that of the machine that the tests run on.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cinestream_ops import lab
from tests.owner.authority import Authority, authority
from tests.owner.conftest import RUN, Standing, set_up
from tests.owner.owner import Host
from tests.owner.test_reboot import FINGERPRINT, TAME
from tests.owner.test_trouble import SHOP, dns, in_the_middle, state

HOUR = 3600
OFF = {"ahead": HOUR, "behind": -HOUR}
TOLD = {"ahead": "60 minutes ahead of", "behind": "60 minutes behind"}
CLOCK, LIBRARY, PRELOAD = "/etc/clock", "/usr/local/lib/clock.so", "/etc/ld.so.preload"
NAME, LATER = "clock.example.test", "later.example.test"
PYTHON = "/usr/lib/cinestream/venv/bin/python"
MONGO = (
    "import pymongo; print(pymongo.MongoClient().admin.command('hello')['localTime'].timestamp())"
)
MOMENT = (
    "systemd-run -q --unit=moment --remain-after-exit true;"
    " systemctl show --value --timestamp=unix -p ActiveEnterTimestamp moment;"
    " systemctl stop moment"
)
WORKERS = (
    "for i in $(seq 90); do systemctl is-active -q nginx mongodb && ! systemctl list-units"
    " --plain --no-legend --state=activating | grep -q @ && exit; sleep 1; done; exit 1"
)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What has a program go by another clock."""
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler, to make another clock with")
    made = tmp_path_factory.mktemp("clock") / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", made, source], check=True)
    return made.read_bytes()


def put_clock(host: Host, seconds: int) -> None:
    """Set the clock of the programs that go by it, whether they run or are still to be started."""
    host.sh(f"printf '%+06d\\n' {seconds} 1<>{CLOCK}")


def go_by_clock(host: Host, library: bytes) -> None:
    """Whatever is started from now on."""
    put_clock(host, 0)
    done = host.tries("sh", "-c", f"base64 -d > {LIBRARY}", told=b64encode(library))
    assert not done.returncode, done.stderr
    host.sh(f"echo {LIBRARY} > {PRELOAD}")


@contextmanager
def another_clock(host: Host, library: bytes, seconds: int) -> Iterator[None]:
    """What is started within the block is *seconds* ahead."""
    go_by_clock(host, library)
    put_clock(host, seconds)
    try:
        yield
    finally:
        host.sh(f"rm {PRELOAD} {LIBRARY} {CLOCK}")


@pytest.mark.parametrize("side", OFF)
def test_status_and_doctor_tell_by_how_much_a_clock_is_off_and_changes_are_made(
    rough: Standing, library: bytes, side: str
):
    sentence = f"the server's clock is {TOLD[side]} this machine's"

    with another_clock(rough.host, library, OFF[side]):
        standing = rough.owner.types("status")
        looked_over = rough.owner.tries("doctor --json")
        rough.owner.types("edit-site shop --workers 4 --yes")
        rough.owner.types("edit-site shop --workers 3 --yes")
    right = rough.owner.types("status")

    assert f"warning: {sentence}" in standing.err
    assert sentence in [each["what"] for each in looked_over.data]
    assert "clock" not in right.err


# The whole server


@pytest.fixture(scope="module")
def server(stranger, library: bytes) -> Iterator[Standing]:
    shop = f"add-site shop {SHOP} --workers 2 --yes"
    for standing in set_up(stranger, f"own-clock-{RUN}", "bookworm", shop):
        dns(standing, "set-default-ipv4", {"ip": standing.host.lab.address})
        go_by_clock(standing.host, library)
        yield standing


@pytest.fixture(scope="module")
def old_hand(server: Standing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority whose own TLS has been valid for a week, by whatever clock it is looked at."""
    folder = tmp_path_factory.mktemp("authority")
    address = server.host.lab.address.rpartition(".")[0] + ".1"
    ours = "/usr/local/share/ca-certificates/old.crt"
    server.host.tries(
        "sh", "-c", f"cat > {ours}; update-ca-certificates", told=vouched(folder, address)
    )
    with authority(server.host.lab, folder) as made:
        server.owner.types(f"setup --acme-directory {made.directory} --yes")
        yield made


def vouched(folder: Path, address: str) -> bytes:
    """The root, as PEM, of a certificate for *address* that is put into *folder* with its key."""
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    of_itself = signed("old root", root, "old root", root, x509.BasicConstraints(True, None))
    named = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    (folder / "acme.pem").write_bytes(pem(signed(address, leaf, "old root", root, named)))
    (folder / "acme.key").write_bytes(
        leaf.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem(of_itself)


def signed(name: str, key, by: str, signer, extension: x509.ExtensionType) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(titled(name))
        .issuer_name(titled(by))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=7))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(extension, critical=True)
        .sign(signer, hashes.SHA256())
    )


def titled(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def boot(server: Standing) -> None:
    lab.power_cut(server.host.lab.name)
    lab.boot(server.host.lab.name)
    server.host.sh(WORKERS)


def ahead(host: Host) -> dict[str, int]:
    """By how many minutes the programs of the server are ahead of us."""
    head = host.runs("curl", "-sI", "-H", "Host: shop.localhost", "http://127.0.0.1/").lower()
    date = next(line for line in head.splitlines() if line.startswith("date:"))
    moments = {
        "nginx": parsedate_to_datetime(date.removeprefix("date: ")).timestamp(),
        "mongod": float(host.runs(PYTHON, "-c", MONGO)),
        "systemd": float(host.sh(MOMENT).removeprefix("@")),
    }
    return {name: round((moment - time.time()) / 60) for name, moment in moments.items()}


def every_command(server: Standing, top: Path) -> None:
    """Each of them works, and all that is served is served afterwards."""
    owner, host = server.owner, server.host
    owner.types(f"add-site blog {SHOP} --workers 2 --domain {NAME} --yes")
    owner.types("edit-site blog --workers 4 --yes")
    owner.types("edit-site blog --workers 2 --yes")
    owner.types("env set blog GREETING=hello --yes")
    owner.types(f"deploy blog {TAME} --yes")
    owner.types("rollback blog --yes")
    folder = owner.types(f"backup create blog --to {top} --passphrase-file {top}/key").out.strip()
    owner.types(f"backup verify {folder} --passphrase-file {top}/key")
    renewed(server)
    recovered(server)
    assert (200, "bottle") == served(host)
    [domain] = owner.types("domain list blog --json").data
    assert ("issued", "") == (domain["state"], domain["why"])
    assert 0 == owner.tries("plan --exit-code").code
    owner.types("restart blog --yes")


def served(host: Host) -> tuple[int, str]:
    options = ("--insecure", "--location", "--resolve", f"{NAME}:443:127.0.0.1")
    code, body = host.get(NAME, "/", *options)
    return code, body.split()[0]


def renewed(server: Standing) -> None:
    before = server.host.sh(FINGERPRINT.format(NAME))
    server.host.sh(
        f"certbot renew -q --force-renewal --no-random-sleep-on-renew --cert-name {NAME}"
    )
    assert before != server.host.sh(f"sleep 1; {FINGERPRINT.format(NAME)}")


def recovered(server: Standing) -> None:
    """A power cut in the middle of a change is undone at the boot."""
    before = state(server)
    with in_the_middle(server, "edit-site blog --workers 6 --yes"):
        lab.power_cut(server.host.lab.name)
    lab.boot(server.host.lab.name)
    server.host.sh(WORKERS)
    assert before == state(server)


@pytest.mark.torture
@pytest.mark.parametrize("side", OFF)
def test_with_a_clock_that_is_off_and_then_put_right_every_command_works(
    server: Standing, old_hand: Authority, tmp_path: Path, side: str
):
    owner, host = server.owner, server.host
    (tmp_path / "key").write_text("correct horse battery staple\n")
    put_clock(host, OFF[side])
    boot(server)
    assert dict.fromkeys(("nginx", "mongod", "systemd"), OFF[side] // 60) == ahead(host)

    every_command(server, tmp_path)
    before, told = state(server), owner.types("status")
    put_clock(host, 0)
    after, right = state(server), owner.types("status")
    of_then = owner.types("history --json").data
    owner.types("remove-site blog --purge --yes")
    every_command(server, tmp_path)
    owner.types("remove-site blog --purge --yes")

    assert before == after
    assert f"the server's clock is {TOLD[side]} this machine's" in told.err
    assert "" == right.err
    assert of_then == owner.types("history --json").data[: len(of_then)]


@pytest.mark.torture
def test_an_authority_that_seems_to_be_of_the_future_is_told_with_the_clock_and_asked_again(
    server: Standing,
):
    owner, host = server.owner, server.host
    asked = f"--yes --acme-directory {host.lab.acme_directory}"
    put_clock(host, -HOUR)

    said = owner.types(f"domain add shop {LATER} {asked}")
    put_clock(host, 0)
    host.runs("systemctl", "start", "cinestream-certificates")
    [domain] = owner.types("domain list shop --json").data
    owner.types(f"domain remove shop {LATER} --yes")

    assert "certificate is not yet valid" in said.err
    assert "the server's clock is 60 minutes behind this machine's" in said.err
    assert ("issued", "") == (domain["state"], domain["why"])
