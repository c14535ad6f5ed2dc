"""
Certificates from an ACME authority, by certbot and the webroot that nginx answers from.

certbot never touches nginx's configuration, and never asks anybody anything.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.request
from typing import Any, Dict, List

from cinestream_ops.agent import lineages
from cinestream_ops.agent.kit import PATH, Kit
from cinestream_ops.agent.refused import Refused
from cinestream_ops.state.items import Certificate

PATIENCE = 300  # seconds for certbot
OURS = "CINESTREAM_CERTIFY"  # tells our own deploy hook that we are there already


def meta(directory: str) -> Dict[str, Any]:
    """What the authority at *directory* says of itself (RFC 8555, 7.1.1)."""
    try:
        with urllib.request.urlopen(directory, timeout=20) as answer:  # noqa: S310
            found = json.load(answer)
            return dict(found.get("meta", {}))
    except (OSError, ValueError) as error:
        raise Refused(
            f"the authority at `{directory}` does not answer: {error}",
            "it may be away for a while; else look at the address",
        ) from None


def rehearse(item: Certificate, kit: Kit) -> None:
    """Everything but the certificate, at the authority's own place for trials."""
    certbot([*certonly(item), "--server", item.staging, "--dry-run"], kit)


def issue(item: Certificate, kit: Kit) -> None:
    """A new certificate for exactly the item's names, whatever the lineage held before."""
    again = ["--force-renewal"] if server(item.lineage) not in {"", item.directory} else []
    keep = again or ["--keep-until-expiring", "--renew-with-new-domains"]
    certbot([*certonly(item), "--server", item.directory, *keep], kit)


def certonly(item: Certificate) -> List[str]:
    account = ["--email", item.email, "--no-eff-email"] if item.email else []
    names = [word for name in item.names for word in ("-d", name)]
    return [
        *("certonly", "--webroot", "-w", item.webroot, "--cert-name", item.lineage),
        *("--non-interactive", "--agree-tos", *names),
        *(account or ["--register-unsafely-without-email"]),
    ]


def server(lineage: str) -> str:
    """The directory that *lineage* came from; empty if certbot knows of none."""
    try:
        found = re.search(r"^server = (\S+)$", lineages.path_of(lineage).read_text(), re.MULTILINE)
    except FileNotFoundError:
        return ""
    return found.group(1) if found else ""


def certbot(words: List[str], kit: Kit) -> None:
    env = {**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8", OURS: "1"}
    try:
        with kit.stops.allowed():
            # Reports go to one stream and errors to the other: only both tell the reason.
            done = subprocess.run(
                ["certbot", "--debug", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE,
                env=env,
                check=False,
            )
    except FileNotFoundError:
        raise Refused("there is no `certbot` here", "run `setup`") from None
    except subprocess.TimeoutExpired:
        raise Refused(f"`certbot` did not end within {PATIENCE} s") from None
    if done.returncode:
        raise Refused(
            condensed(done.stdout.decode("utf-8", "replace")),
            "see `/var/log/letsencrypt/letsencrypt.log`",
        )


def condensed(output: str) -> str:
    """The authority's own words in certbot's report, or certbot's last ones."""
    details = re.findall(r"Domain:\s*(\S+)\s+Type:\s*\S+\s+Detail:\s*([^\n]+)", output)
    if details:
        return "; ".join(f"`{name}`: {detail.strip()}" for name, detail in details)
    # certbot may lose the authority's refusal on its way out (Debian 12): its trace has it.
    refused = re.findall(r"acme:error:(.+)", output)
    if refused:
        return f"the authority: {refused[-1]}"
    if "Read timed out" in output:
        return "the authority did not answer `certbot` in time"
    noise = re.compile(r"Ask for help|Saving debug log|See the logfile|\s*$|- - -")
    lines = [line.strip() for line in output.splitlines() if not noise.match(line)]
    return " ".join(lines[-2:]) or "`certbot` failed without a word"
