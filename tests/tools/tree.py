"""
What a case becomes, laid out below a folder, so that the real tools can read it.
"""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import tomllib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cinestream_ops.desired.features import number
from tests.render import case

# Below which folders what we render looks for things.
ROOTS = (
    "/etc/nginx", "/etc/letsencrypt", "/etc/ssl", "/etc/cinestream", "/var/log/nginx", "/var/lib/cinestream-acme",
    "/var/cache", "/var/www",
)  # fmt: skip
# As Debian's, with what is ours to be included; its own TLS settings are weaker, and overruled in each block.
MAIN = """
worker_processes 1;
daemon off;
pid {root}/nginx.pid;
error_log {root}/error.log;
events {{ worker_connections 768; }}
worker_rlimit_nofile 4096;
http {{
    types_hash_max_size 2048;
    types {{ text/html html; text/css css; text/plain txt; application/javascript js; image/svg+xml svg; }}
    default_type application/octet-stream;
    access_log {root}/access.log;
    gzip on;
    include {root}/etc/nginx/conf.d/*.conf;
    include {root}/etc/nginx/sites-available/*.conf;
}}
"""
SERVER = "[server]\nemail = 'owner@example.com'\n"


def lay_out(text: str, root: Path) -> Path:
    """Every file of *text* below *root*, with a server around it; the path of nginx.conf."""
    whole = text if "[server]" in text else text + SERVER
    for path, content in case.files(case.everything(whole)).items():
        write(root / path.lstrip("/"), moved(content, root))
    for domain in tomllib.loads(text).get("certificates", {}):
        certify(root / "etc/letsencrypt/live" / domain, domain)
    snakeoil(root)
    for folder in (
        "var/log/nginx",
        "var/cache",
        "var/lib/cinestream-acme/.well-known/acme-challenge",
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
    return write(root / "nginx.conf", MAIN.format(root=root))


def moved(content: str, root: Path) -> str:
    for folder in ROOTS:
        content = content.replace(folder, f"{root}{folder}")
    return content


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def certify(folder: Path, name: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, private, serialization.NoEncryption())
    write(folder / "fullchain.pem", certificate.public_bytes(pem).decode())
    write(folder / "privkey.pem", secret.decode())


def snakeoil(root: Path) -> None:
    """What Debian's package ssl-cert makes."""
    certify(root / "snakeoil", "localhost")
    ssl = root / "etc/ssl"
    (ssl / "certs").mkdir(parents=True)
    (ssl / "private").mkdir()
    shutil.move(root / "snakeoil/fullchain.pem", ssl / "certs/ssl-cert-snakeoil.pem")
    shutil.move(root / "snakeoil/privkey.pem", ssl / "private/ssl-cert-snakeoil.key")


def nginx_here() -> tuple[int, ...]:
    """The version of the nginx on this machine."""
    told = subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True, text=True, check=True)
    return number(told.stderr.partition("/")[2])


def nginx_of(text: str) -> tuple[int, ...]:
    """The version that a case is rendered for."""
    return number(tomllib.loads(text).get("machine", {}).get("nginx", "1.18.0"))
